#!/usr/bin/env python3
"""What a client in any language does: submit, poll, fetch.

    python3 seed-flow.py [http://127.0.0.1:7333] [report.pdf]
"""
import sys
import time
from urllib.parse import urljoin

import requests

base = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7333"
target = sys.argv[2] if len(sys.argv) > 2 else "report.pdf"

report = {"type": "sales_summary", "date_range": "2026-01-01..2026-06-30"}
accepted = requests.post(urljoin(base, "/reports"), json=report, timeout=10)
accepted.raise_for_status()
assert accepted.status_code == 202, accepted.status_code
status_url = urljoin(base, accepted.headers["Location"])
print("accepted:", status_url)

while True:
    operation = requests.get(status_url, timeout=10).json()
    print(operation["status"])
    if operation["status"] in ("completed", "failed"):
        break
    time.sleep(2)

if operation["status"] == "failed":
    sys.exit(operation["error"]["detail"])

result = requests.get(urljoin(base, operation["result_url"]), timeout=10)
result.raise_for_status()
with open(target, "wb") as file:
    file.write(result.content)
print("written:", target, len(result.content), "bytes")
