import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WireOperation } from 'raincheck';
import { dropSchema, newSchema } from '../../src/store-postgres/postgres-schema.fixture.ts';
import {
  startPostgres,
  type TestServer,
} from '../../src/store-postgres/postgres-server.fixture.ts';
import { openPostgresStore } from '../../src/store-postgres/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';
import { Node } from './node.ts';
import { keyLimit, type NodesInput } from './nodes.config.ts';
import { randomOf } from './random.ts';
import type { ChaosSummary } from './run.ts';
import { freePort } from './server.ts';
import { Told } from './told.ts';

/**
 * API nodes and workers as processes on one PostgreSQL; the first API node works too, so that claims
 * in the commit of an accept are among what a kill interrupts. Clients go round the API nodes and send
 * some requests twice at once; every so often a random node is killed and started again. Afterwards
 * the run checks that every acknowledged operation is final, once; that its end was delivered,
 * verified by the receivers' own library and never twice at once; that no key ran more often at
 * once than it may, by what the handlers recorded themselves; and that a status read at another
 * node right after the 202 found the operation. The seed decides which client sends what and which
 * node is killed; how the processes interleave depends on the machine.
 */
export type NodesChaosOptions = {
  readonly apis: number;
  readonly workers: number;
  readonly operations: number;
  /** Requests are spread over this time. */
  readonly sendMs: number;
  readonly kills: number;
  readonly killEveryMs: number;
  /**
   * Restarts of the database, spread over `sendMs`; without kills every request must still be
   * answered.
   */
  readonly restarts?: number;
  readonly seed: number;
  readonly report: (line: string) => void;
};

const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const submitters = 16;
const keys = 20;
const paths = 12;
const requestMsMax = 10_000;
const drainMsMax = 120_000;

export async function runNodesChaos(p: NodesChaosOptions): Promise<ChaosSummary> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'raincheck-chaos-'));
  const log = path.join(folder, 'handlers.log');
  writeFileSync(log, '');
  const database = await startPostgres();
  const options = { url: database.url, schema: newSchema() };
  const store = await openPostgresStore({ ...options, notify: false });
  const run = new Run(p, randomOf(p.seed));
  const receiver = await WebhookReceiver.open({
    secret,
    react: (received, response) => run.react(received, response),
  });
  const nodes = await nodesOf(p, { store: `${options.url}?schema=${options.schema}`, log });
  try {
    await startAll(nodes);
    const submitting = run.submitAll(nodes, receiver.origin);
    await Promise.all([run.killSome(nodes), run.restart(database)]);
    await submitting;
    await Promise.all(nodes.map((node) => node.ready()));
    await run.drain({
      ids: run.ids.values(),
      msMax: drainMsMax,
      stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
      left: () => leftIn(store),
      start: () => startAll(nodes),
    });
    for (const fault of receiver.faults) run.violate(fault);
    const stored = await run.checkStore(store);
    await checkCounters(store, run, stored['stored'] ?? 0);
    const handlers = run.checkHandlers(log);
    return {
      violations: run.violations,
      counts: { ...run.counts(), ...handlers, requests: receiver.received.length, ...stored },
    };
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
    await receiver.close();
    await store.close();
    if (database.control === null) await dropSchema(options);
    await database.stop();
    if (run.violations.length === 0) rmSync(folder, { recursive: true, force: true });
    else p.report(`kept for a look: ${folder}`);
  }
}

async function nodesOf(
  { apis, workers }: NodesChaosOptions,
  p: { readonly store: string; readonly log: string },
): Promise<Node[]> {
  const env = {
    RAINCHECK_WEBHOOK_SECRET: secret,
    RAINCHECK_WEBHOOK_CIDRS: '127.0.0.0/8',
    RAINCHECK_WEBHOOK_HTTP: 'true',
  };
  const nodes: Node[] = [];
  for (let i = 0; i < apis + workers; i += 1) {
    const kind = i < apis ? 'api' : 'worker';
    nodes.push(new Node({ kind, works: i === 0, port: await freePort(), env, ...p }));
  }
  return nodes;
}

/** Operations that are not final and deliveries that are not done. */
async function leftIn(store: Store): Promise<number> {
  const tasks = await store.readTasks();
  const unfinished = tasks.reduce((sum, one) => sum + one.pending + one.processing, 0);
  const states = ['pending', 'sending', 'held'] as const;
  return unfinished + (await store.countDeliveries({ filter: { states } }));
}

async function startAll(nodes: readonly Node[]): Promise<void> {
  for (const node of nodes) node.spawn();
  await Promise.all(nodes.map((node) => node.ready()));
}

/**
 * Counters go up once for each operation that becomes final: each became final once, and none was
 * created twice.
 */
async function checkCounters(store: Store, run: Run, stored: number): Promise<void> {
  const tasks = await store.readTasks();
  const finals = tasks.reduce((sum, { completed, failed }) => sum + completed + failed, 0);
  if (finals !== stored) run.violate(`${stored} operations are kept, ${finals} became final.`);
  if (stored !== run.ids.size) {
    run.violate(`${run.ids.size} operations were acknowledged, ${stored} are kept.`);
  }
}

class Run extends Told {
  /** Operations whose 202 arrived, by the marker of their request. */
  readonly ids = new Map<string, string>();
  readonly #p: NodesChaosOptions;
  readonly #random: () => number;
  readonly #counts = {
    kills: 0,
    restarts: 0,
    duplicates: 0,
    refusals503: 0,
    lostAnswers: 0,
    statusReads: 0,
  };
  #next = 0;

  constructor(p: NodesChaosOptions, random: () => number) {
    super(random);
    this.#p = p;
    this.#random = random;
  }

  counts(): Record<string, number> {
    if (this.#p.kills === 0 && this.#counts.lostAnswers > 0) {
      this.violate(
        `${this.#counts.lostAnswers} requests were not answered, though nobody was killed.`,
      );
    }
    return { acknowledged: this.ids.size, told: this.told.size, ...this.#counts };
  }

  async killSome(nodes: readonly Node[]): Promise<void> {
    const since = performance.now();
    for (let kill = 1; kill <= this.#p.kills; kill += 1) {
      await sleep(Math.max(0, since + kill * this.#p.killEveryMs - performance.now()));
      const node = nodes[Math.floor(this.#random() * nodes.length)]!;
      await node.kill();
      node.spawn();
      this.#counts.kills += 1;
      this.#p.report(
        `kill ${kill} (${node.kind}): ${this.ids.size} acknowledged, ${this.told.size} told`,
      );
    }
  }

  /** Restarts in good order and as a crash, in turn. */
  async restart({ control }: TestServer): Promise<void> {
    const { restarts = 0, sendMs } = this.#p;
    if (restarts > 0 && control === null) throw new Error('The server is not ours to restart.');
    const since = performance.now();
    for (let restart = 1; restart <= restarts; restart += 1) {
      await sleep(Math.max(0, since + (restart / (restarts + 1)) * sendMs - performance.now()));
      const mode = restart % 2 === 0 ? 'fast' : 'immediate';
      await control?.down(mode);
      await control?.up();
      this.#counts.restarts += 1;
      this.#p.report(
        `restart ${restart} (${mode}): ${this.ids.size} acknowledged, ${this.told.size} told`,
      );
    }
  }

  async submitAll(nodes: readonly Node[], receiver: string): Promise<void> {
    const bases = nodes.filter(({ kind }) => kind === 'api').map(({ base }) => base);
    const since = performance.now();
    const { operations, sendMs } = this.#p;
    await Promise.all(
      Array.from({ length: submitters }, async () => {
        while (this.#next < operations) {
          this.#next += 1;
          const n = this.#next;
          await sleep(Math.max(0, since + (n / operations) * sendMs - performance.now()));
          await this.#submit(bases, { n, receiver });
        }
      }),
    );
  }

  async #submit(
    bases: readonly string[],
    { n, receiver }: { readonly n: number; readonly receiver: string },
  ): Promise<void> {
    const dice = this.#random();
    const task = dice < 0.5 ? 'keyed' : 'plain';
    const input: NodesInput = {
      marker: `m${n}`,
      key: `k${n % keys}`,
      // A few fail for good, which is delivered as well.
      failures: dice > 0.9 ? Math.floor(this.#random() * 4) : 0,
    };
    const webhook_url = `${receiver}/${n % paths}`;
    const body = JSON.stringify({ ...input, webhook_url });
    const request = { task, marker: input.marker, body };
    const isTwice = this.#random() < 0.25;
    if (isTwice) this.#counts.duplicates += 1;
    const [id, again] = await Promise.all([
      this.#send(bases, n, request),
      isTwice ? this.#send(bases, n + 1, request) : null,
    ]);
    if (again !== null && again !== id) this.violate(`${input.marker} is ${id} and ${again}.`);
    this.ids.set(input.marker, id);
    await this.#readElsewhere(bases, n + 1, id);
  }

  /**
   * Sends round the nodes until it is answered, as a careful client does; the key makes it one
   * operation.
   */
  async #send(
    bases: readonly string[],
    first: number,
    p: { readonly task: string; readonly marker: string; readonly body: string },
  ): Promise<string> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': p.marker };
    for (let at = first; ; at += 1) {
      const url = `${bases[at % bases.length]}/${p.task}`;
      const answer = await this.#ask(url, { method: 'POST', headers, body: p.body });
      if (answer?.status === 202) return (JSON.parse(answer.text) as WireOperation).id;
      if (answer !== null && answer.status !== 503) {
        this.violate(`POST ${p.task} was answered ${answer.status}: ${answer.text}`);
      }
      if (answer?.status === 503 && answer.retryAfter === null) {
        this.violate('A 503 came without Retry-After.');
      }
      await sleep(20 + this.#random() * 50);
    }
  }

  /** The first of the other nodes that answers must know the operation. */
  async #readElsewhere(bases: readonly string[], first: number, id: string): Promise<void> {
    for (let at = first; at < first + bases.length; at += 1) {
      const answer = await this.#ask(`${bases[at % bases.length]}/operations/${id}`, {});
      if (answer === null || answer.status === 503) continue;
      this.#counts.statusReads += 1;
      if (answer.status !== 200) {
        this.violate(`The status of ${id} was answered ${answer.status} right after its 202.`);
      }
      return;
    }
  }

  /** null: no answer, the node was killed. */
  async #ask(url: string, init: RequestInit) {
    try {
      const response = await fetch(url, { ...init, signal: AbortSignal.timeout(requestMsMax) });
      const text = await response.text();
      const { status } = response;
      if (status === 503) this.#counts.refusals503 += 1;
      return { status, text, retryAfter: response.headers.get('retry-after') };
    } catch {
      this.#counts.lostAnswers += 1;
      return null;
    }
  }

  /** By what the handlers recorded themselves; those of a killed process ended with it. */
  checkHandlers(file: string): Record<string, number> {
    const running = new Map<string, { readonly pid: string; readonly key: string }>();
    const byKey = new Map<string, number>();
    let [starts, keyPeak] = [0, 0];
    const end = (name: string): void => {
      const one = running.get(name);
      if (one === undefined || !running.delete(name)) return;
      byKey.set(one.key, (byKey.get(one.key) ?? 1) - 1);
    };
    for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
      const [pid = '', word, id = '', task, , key = ''] = line.split(' ');
      if (word === 'killed') {
        for (const [name, one] of running) if (one.pid === pid) end(name);
      }
      if (word === 'start') starts += 1;
      if (word === 'end') end(`${pid} ${id}`);
      if (word !== 'start' || task !== 'keyed') continue;
      running.set(`${pid} ${id}`, { pid, key });
      byKey.set(key, (byKey.get(key) ?? 0) + 1);
      keyPeak = Math.max(keyPeak, byKey.get(key) ?? 0);
    }
    if (keyPeak > keyLimit) this.violate(`${keyPeak} handlers of one key ran at once.`);
    return { handlerStarts: starts, keyPeak };
  }
}
