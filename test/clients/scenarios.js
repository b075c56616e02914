import process from 'node:process';

/** The scripts of this folder are started with the address of the server. */
export const base = process.argv[2];

/**
 * Lets one client, in one of its modes, follow an operation to each of its ends, all at once, and prints a line for
 * each: {mode, scenario, told}, in the client's own words. Then it prints {mode, waiting}, the id of one more that
 * still runs: now the server is killed and started again, and a last line tells how that ended.
 *
 * `follow(task, input, scenario)` submits and gives {id, polled, ended, cancel}: `polled` resolves when the client has seen that
 * it is not done, `ended` with what it says at the end.
 */
export async function play(mode, follow) {
  const scenario = async (name, [task, input], during) => {
    const operation = await follow(task, input, name);
    await during?.(operation);
    print({ mode, scenario: name, told: await operation.ended });
  };
  const gate = `${mode} ${process.pid}`;
  await Promise.all([
    scenario('succeeded', ['held', { gate }], async ({ polled }) => {
      await polled;
      await post('open', { gate });
    }),
    scenario('failed', ['broken', {}]),
    scenario('timed out', ['stuck', {}]),
    scenario('cancelled', ['held', { gate: 'never' }], async ({ polled, cancel }) => {
      await polled;
      await cancel();
    }),
  ]);
  await scenario('restarted', ['held', { gate: 'after the restart' }], async ({ id, polled }) => {
    await polled;
    print({ mode, waiting: id });
  });
}

export async function post(path, input) {
  const response = await fetch(`${base}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

export function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A promise, and what fulfils it: `polled` of those clients that tell by a callback. */
export function signal() {
  const { promise, resolve } = Promise.withResolvers();
  return { promise, fire: () => resolve() };
}

export function idIn(text) {
  return /op_[0-9A-Z]{26}/.exec(text)[0];
}
