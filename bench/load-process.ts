import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { LoadAnswer, LoadPlan, LoadResult } from './load-plan.ts';
import type { ServerProcess } from './server-process.ts';

/** A load together with its cost for the server. */
export type Measured = LoadResult & {
  readonly perSecond: number;
  readonly cpuMsPerRequest: number;
};

/**
 * The process that generates load. It lives for the whole run, so that it is warm for every server.
 */
export class LoadProcess {
  readonly #child: ChildProcess = fork(path.join(import.meta.dirname, 'load.ts'));

  async run(plan: LoadPlan): Promise<LoadResult> {
    const answered = once(this.#child, 'message') as Promise<[LoadAnswer]>;
    this.#child.send(plan);
    const [answer] = await answered;
    if (!answer.ok) throw new Error(answer.error);
    return answer.result;
  }

  async measure(server: ServerProcess, plan: Omit<LoadPlan, 'port'>): Promise<Measured> {
    const cpuBefore = await server.cpuMs();
    const result = await this.run({ ...plan, port: server.port });
    const cpuMs = (await server.cpuMs()) - cpuBefore;
    return {
      ...result,
      perSecond: (result.count / result.elapsedMs) * 1000,
      cpuMsPerRequest: cpuMs / result.count,
    };
  }

  stop(): void {
    this.#child.disconnect();
  }
}
