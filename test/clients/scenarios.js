import process from 'node:process';

/** The scripts of this folder are started with the address of the server. */
export const base = process.argv[2];
let playing = 0;

/**
 * Lets one client, named as in the lockfile, follow an operation to each of its ends in one of its
 * modes, all at once, and prints a line for each: {client, mode, scenario, told}, in the client's
 * own words. Then it prints {client, mode, waiting} with the id of one more that still runs: now
 * the server is killed and started again, and a last line says how that ended. When all that the
 * script plays wait so, it prints {ready: true}.
 *
 * `follow(task, input, scenario)` submits and returns {id, polled, ended, cancel}. `polled`
 * resolves when the client has seen that the operation is not done, `ended` with what the client
 * says at the end.
 */
export async function play(client, mode, follow) {
  playing += 1;
  const scenario = async (name, [task, input], during) => {
    const operation = await follow(task, input, name);
    // A client that takes another state for the end never says that it polled.
    if (during) await Promise.race([during(operation), operation.ended]);
    print({ client, mode, scenario: name, told: await operation.ended });
  };
  const gate = `${client} ${mode}`;
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
  const last = await follow('held', { gate: 'after the restart' }, 'restarted');
  const waiting = await Promise.race([
    last.polled.then(() => last.id),
    last.ended.then(() => null),
  ]);
  print({ client, mode, waiting });
  playing -= 1;
  if (playing === 0) print({ ready: true });
  print({ client, mode, scenario: 'restarted', told: await last.ended });
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

/** A promise and its resolver: for `polled` of clients that report by a callback. */
export function signal() {
  const { promise, resolve } = Promise.withResolvers();
  return { promise, fire: () => resolve() };
}

export function idIn(text) {
  return /op_[0-9A-Z]{26}/.exec(text)[0];
}
