import { apiBase } from './address.ts';
import { token } from './session.ts';

/** Commands that do elsewhere what the page does here. They never contain the token itself. */
export type Request = {
  readonly url: string;
  /** Sent as JSON by POST. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the command shows the headers of the answer. */
  readonly shows?: boolean;
};

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

export function curlOf({ url, body, headers = {}, shows }: Request): string {
  const parts = [`curl ${shows === true ? '-i ' : ''}${/[?&]/.test(url) ? quote(url) : url}`];
  if (token.value !== null) parts.push('-H "authorization: Bearer $RAINCHECK_TOKEN"');
  for (const [name, value] of Object.entries(headers))
    parts.push(`-H ${quote(`${name}: ${value}`)}`);
  if (body !== undefined) {
    parts.push(`-H 'content-type: application/json'`, `-d ${quote(JSON.stringify(body))}`);
  }
  return parts.join(' \\\n  ');
}

export type Submission = {
  readonly task: string;
  readonly url: string;
  readonly input: unknown;
  readonly options: Readonly<Record<string, string>>;
  /** '' for none. */
  readonly idempotencyKey: string;
};

const serverAddress = apiBase.href.replace(/\/$/, '');

export function cliOf({ task, input, options, idempotencyKey }: Submission): string {
  const flags = Object.entries(options).map(([name, value]) =>
    name.startsWith('label.')
      ? `--label ${quote(`${name.slice(6)}=${value}`)}`
      : `--${name} ${quote(value)}`,
  );
  if (idempotencyKey !== '') flags.push(`--idempotency-key ${quote(idempotencyKey)}`);
  const parts = [`npx raincheck run ${task}`, `--url ${serverAddress}`, ...flags];
  return [...parts, `--input ${quote(JSON.stringify(input))}`].join(' \\\n  ');
}

export function typescriptOf({ task, input, options, idempotencyKey }: Submission): string {
  const labels = Object.entries(options).filter(([name]) => name.startsWith('label.'));
  const plain = Object.entries(options).filter(([name]) => !name.startsWith('label.'));
  const given = {
    ...Object.fromEntries(
      plain.map(([name, value]) => [name, name === 'priority' ? Number(value) : value]),
    ),
    ...(idempotencyKey !== '' && { idempotencyKey }),
    ...(labels.length > 0 && {
      labels: Object.fromEntries(labels.map(([name, value]) => [name.slice(6), value])),
    }),
  };
  const last = Object.keys(given).length === 0 ? '' : `, ${JSON.stringify(given)}`;
  const secret = token.value === null ? '' : ', token: process.env.RAINCHECK_TOKEN';
  return `import { createClient } from 'raincheck/client';

const client = createClient({ baseUrl: '${serverAddress}'${secret} });
const result = await client.run('${task}', ${JSON.stringify(input, null, 2)}${last});
console.log(result);`;
}

export function pythonOf({ url, input, options, idempotencyKey }: Submission): string {
  const query = new URLSearchParams(options).toString();
  const session = token.value === null ? 'requests' : 'session';
  const header = { 'Idempotency-Key': `"${idempotencyKey}"` };
  const headers = idempotencyKey === '' ? '' : `, headers=${JSON.stringify(header)}`;
  return `import ${token.value === null ? '' : 'os, '}json, time, requests
from urllib.parse import urljoin
${token.value === null ? '' : `\nsession = requests.Session()\nsession.headers["Authorization"] = "Bearer " + os.environ["RAINCHECK_TOKEN"]`}
task_input = json.loads(${pythonText(JSON.stringify(input))})
answer = ${session}.post("${url}${query === '' ? '' : `?${query}`}", json=task_input${headers})
answer.raise_for_status()
status_url = urljoin(answer.url, answer.headers["Location"])
while (operation := ${session}.get(status_url)).json()["status"] in ("pending", "processing"):
    time.sleep(int(operation.headers.get("Retry-After", 1)))
print(operation.json())`;
}

/** A JSON string is a valid Python string too. */
function pythonText(text: string): string {
  return JSON.stringify(text);
}
