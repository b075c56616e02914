import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { webhookErrorCodes } from '../src/client/webhook-error.ts';
import { finalWebhookEvents, webhookEvents } from '../src/core/delivery.ts';
import { deliveryJitter, deliveryPausesMs } from '../src/core/delivery-schedule.ts';
import { formatDuration, parseDuration } from '../src/core/duration.ts';
import { probePausesMs } from '../src/core/endpoint-health.ts';
import { limits } from '../src/core/limits.ts';

const root = path.join(import.meta.dirname, '..');
const text = readFileSync(path.join(root, 'docs/webhooks.md'), 'utf8');
const prose = text.replaceAll(/\s+/g, ' ');

/** Rows of the table with this head, cell by cell. */
function tableAfter(head: string): string[][] {
  const lines = text.slice(text.indexOf(head)).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** '5 s', '2 m', '15 m', '3 d 4 h': as formatDuration, without parts that are zero. */
function shown(ms: number): string {
  return formatDuration(ms)
    .replace('.0 ', ' ')
    .replace(/ 0[0hms ]*$/, '');
}

describe('docs/webhooks.md', () => {
  it('has the schedule as the code has it', () => {
    const rows = tableAfter('| attempt | after the one before |');
    assert.equal(rows.length, limits.deliveryFailuresMax);
    assert.equal(rows.length, deliveryPausesMs.length + 1);
    assert.deepEqual(rows[0], ['1', 'at once', '']);
    let sinceFirst = 0;
    for (const [i, pauseMs] of deliveryPausesMs.entries()) {
      sinceFirst += pauseMs;
      const [number, pause = '', since] = rows[i + 1] ?? [];
      assert.equal(number, String(i + 2));
      assert.equal(parseDuration(pause), pauseMs, `attempt ${number}`);
      assert.equal(since, shown(sinceFirst), `attempt ${number}`);
    }
  });

  const seconds = (ms: number): string => `${ms / 1000} s`;
  const days = (ms: number): string => `${ms / 86_400_000} days`;
  const kib = (bytes: number): string => `${bytes / 1024} KiB`;
  const [firstProbe, ...probes] = probePausesMs.map(shown);
  const facts = [
    `varies at random by ±${deliveryJitter * 100} %`,
    `at most every ${limits.progressEventMs} ms`,
    `dropped when they are a ${limits.progressEventTtlMs === 60_000 ? 'minute' : '?'} old`,
    `a JSON result of at most ${kib(limits.webhookResultBytes)}`,
    `An attempt has ${seconds(limits.deliveryAttemptMsDefault)} for everything`,
    `One attempt has ${seconds(limits.deliveryAttemptMsDefault)} in all`,
    `at most ${seconds(limits.deliveryConnectMsDefault)} of them to connect`,
    `${kib(limits.deliveryResponseBytes)} of it are read, ${kib(limits.deliveryExcerptBytes)} kept`,
    `at most ${limits.retryAfterGateMsMax / 3_600_000} h`,
    `has waited for ${days(limits.deliveryTtlMs)}, for whatever reason`,
    `have waited ${days(limits.deliveryTtlMs)} by then are expired`,
    `${limits.circuitFailures} failures in a row`,
    `goes out after ${firstProbe}, then ${probes.join(', ')}, and every ${probes.at(-1)} from then on`,
    `after ${days(limits.failingMsMax)} of nothing but failures`,
    `at most ${limits.endpointInFlightDefault} attempts at once go to one endpoint, ${limits.originInFlightDefault} to one origin`,
    `They are kept for ${days(limits.deadLetterMs)}`,
    `Keep ids for ${days(limits.deadLetterMs)} and a few`,
    `expired deliveries are kept for ${days(limits.deliveryMs)}`,
    `at most ${limits.webhookUrlChars.toLocaleString('en-US')} characters`,
    `for ${limits.secretGraceMsDefault / 3_600_000} h (\`grace_seconds\`, 0 to ${days(limits.secretGraceMsMax)})`,
  ];
  for (const fact of facts) {
    it(`says: ${fact}`, () => assert.ok(prose.includes(fact)));
  }

  it('names every event, and which are sent unasked', () => {
    const rows = tableAfter('| `type` | when | sent |');
    const named = rows.map(([type = '']) => type.replaceAll('`', ''));
    assert.deepEqual(named.toSorted(), [...webhookEvents, 'webhook.test'].toSorted());
    const asked = rows.filter(([, , sent = '']) => sent.startsWith('only when asked'));
    assert.equal(asked.length, webhookEvents.length - finalWebhookEvents.length);
  });

  it('names every reason why a delivery is not accepted', () => {
    const rows = tableAfter('| `code` | meaning |');
    const named = rows.flatMap(([codes = '']) => codes.replaceAll('`', '').split(', '));
    assert.deepEqual(named.toSorted(), [...webhookErrorCodes].toSorted());
  });

  it('leads to what is there', () => {
    const anchors = new Map<string, ReadonlySet<string>>();
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [file = '', anchor] = target.split('#');
      const to = path.join(root, 'docs', file === '' ? 'webhooks.md' : file);
      assert.ok(existsSync(to), target);
      if (anchor === undefined) continue;
      if (!anchors.has(to)) anchors.set(to, anchorsOf(to));
      assert.ok(anchors.get(to)?.has(anchor), target);
    }
  });
});

/** Anchors as GitHub makes them from headings. */
function anchorsOf(file: string): ReadonlySet<string> {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}
