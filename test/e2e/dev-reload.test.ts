import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { postJson, ServerProcess, statusWhen } from './server-process.ts';

const root = path.join(import.meta.dirname, '..', '..');

type Project = {
  readonly folder: string;
  /** Saves as editors do: a new file in place of the old one. */
  readonly save: (name: string, text: string) => void;
};

function project(t: TestContext, greeting: string): Project {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-reload-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(root, path.join(folder, 'node_modules', 'raincheck'));
  mkdirSync(path.join(folder, 'tasks'));
  const save = (name: string, text: string): void => {
    writeFileSync(path.join(folder, `${name}~`), text);
    renameSync(path.join(folder, `${name}~`), path.join(folder, name));
  };
  save('package.json', '{"type":"module"}');
  save('raincheck.config.ts', config);
  save('tasks/hello.ts', hello(`'${greeting}'`));
  return { folder, save };
}

const config = `import { defineConfig } from 'raincheck';
import { hello } from './tasks/hello.ts';
export default defineConfig({ tasks: [hello] });
`;

function hello(result: string): string {
  return `import { defineTask } from 'raincheck';
export const hello = defineTask('hello', { run: ({ signal }) => ${result} });
`;
}

async function answered(url: string): Promise<unknown> {
  const answer = await postJson(`${url}/hello`, null, { prefer: 'wait=20' });
  assert.equal(answer.status, 200);
  return answer.json();
}

const args = ['dev', '--port', '0', '--store', 'sqlite:dev.db'];

describe('dev, when a file of its tasks is saved,', () => {
  it('serves the new one at the same address, and takes up what ran', async (t) => {
    const { folder, save } = project(t, 'one');
    await using server = new ServerProcess(args, { folder });
    const url = await server.url();
    assert.equal(await answered(url), 'one');
    save('tasks/hello.ts', hello('new Promise((_, no) => signal.addEventListener("abort", no))'));
    await server.printed(/Reloaded in .*, tasks\/hello\.ts changed; tasks: hello/);
    const { headers } = await postJson(`${url}/hello`, null);
    const status = url + headers.get('location');
    await statusWhen(status, (operation) => operation.status === 'processing');
    save('tasks/hello.ts', hello("'three'"));
    const done = await statusWhenUp(status);
    assert.deepEqual([done.result, done.attempt], ['three', 1]);
    server.kill('SIGTERM');
    assert.equal(await server.exited, 0, server.output);
    assert.equal(server.output.match(/Reloaded/g)?.length, 2);
  });

  it('goes on as it was where that cannot be loaded, and says why', async (t) => {
    const { folder, save } = project(t, 'one');
    await using server = new ServerProcess(args, { folder });
    const url = await server.url();
    save('tasks/hello.ts', hello('}'));
    await server.printed(/could not be loaded: .*tasks\/hello\.ts:2[\s\S]*goes on as it was/);
    assert.equal(await answered(url), 'one');
    // A file that does not exist yet.
    save('raincheck.config.ts', `import './tasks/more/new.ts';\n${config}`);
    save('tasks/hello.ts', hello("'two'"));
    await server.printed(/Cannot find module .*new\.ts/);
    assert.equal(await answered(url), 'one');
    mkdirSync(path.join(folder, 'tasks/more'));
    save('tasks/more/new.ts', '');
    await server.printed(/Reloaded in .*new\.ts/);
    assert.equal(await answered(url), 'two');
  });

  it('takes up a new file that never ended loading, once that is mended', async (t) => {
    const { folder, save } = project(t, 'one');
    await using server = new ServerProcess(args, { folder });
    const url = await server.url();
    save('tasks/new.ts', "console.log('hangs'); for (;;);");
    save('raincheck.config.ts', `import './tasks/new.ts';\n${config}`);
    await server.printed(/hangs[\s\S]*Still loading/);
    save('tasks/new.ts', "console.log('exits'); process.exit(0);");
    await server.printed(/exits[\s\S]*ended with code 0[\s\S]*goes on as it was/);
    assert.equal(await answered(url), 'one');
    save('tasks/new.ts', '');
    await server.printed(/Reloaded in .*new\.ts/);
  });

  it('goes on as it was while the config is away', async (t) => {
    const { folder } = project(t, 'one');
    await using server = new ServerProcess(args, { folder });
    const url = await server.url();
    const file = path.join(folder, 'raincheck.config.ts');
    renameSync(file, `${file}.bak`);
    await server.printed(
      /There is no config file at .*raincheck\.config\.ts[\s\S]*goes on as it was/,
    );
    assert.equal(await answered(url), 'one');
    renameSync(`${file}.bak`, file);
    await server.printed(/Reloaded in .*, raincheck\.config\.ts changed; tasks: hello/);
  });

  it('says that a handler or an import ended the process, and starts again', async (t) => {
    const { folder, save } = project(t, 'one');
    save('tasks/hello.ts', hello('process.exit(0)'));
    {
      await using server = new ServerProcess(args, { folder });
      await postJson(`${await server.url()}/hello`, null).catch(() => undefined);
      await server.printed(/ended with code 0 .*process\.exit\(\)[\s\S]*No server is up/);
      save('tasks/hello.ts', `${hello("'two'")} process.exit(0);`);
      await server.printed(/(?:ended with code 0[\s\S]*No server is up[\s\S]*){2}/);
      save('tasks/hello.ts', hello("'three'"));
      await server.printed(/Reloaded/);
      assert.equal(await answered(await server.url()), 'three');
    }
    save('tasks/hello.ts', `${hello("'two'")} process.exit(1);`);
    await using server = new ServerProcess(args, { folder });
    assert.equal(await server.exited, 1);
    assert.match(server.output, /ended with code 1 by itself/);
  });

  it('starts again after a crash', async (t) => {
    const { folder, save } = project(t, 'one');
    await using server = new ServerProcess(args, { folder });
    const url = await server.url();
    save('tasks/hello.ts', hello("setImmediate(() => { throw new Error('boom'); })"));
    await server.printed(/Reloaded/);
    // The process may be gone before it answers.
    await postJson(`${url}/hello`, null).catch(() => undefined);
    await server.printed(/boom[\s\S]*No server is up\. The next save/);
    assert.doesNotMatch(server.output, /by itself/);
    save('tasks/hello.ts', hello("'back'"));
    await server.printed(/Reloaded[\s\S]*Reloaded/);
    assert.equal(await answered(url), 'back');
  });

  it('replaces one that is busy and does not listen', async (t) => {
    const { folder, save } = project(t, 'one');
    await using server = new ServerProcess(args, { folder });
    const url = await server.url();
    save('tasks/hello.ts', hello("{ console.log('busy'); for (;;); }"));
    await server.printed(/Reloaded/);
    // Its answer never comes, because the task's loop blocks it.
    postJson(`${url}/hello`, null).catch(() => undefined);
    await server.printed(/busy/);
    save('tasks/hello.ts', hello("'free'"));
    await server.printed(/Reloaded[\s\S]*Handed back an attempt[\s\S]*Reloaded/);
    assert.doesNotMatch(server.output, /lost/);
    assert.equal(await answered(url), 'free');
    save('tasks/hello.ts', hello("{ console.log('busy again'); for (;;); }"));
    await server.printed(/(?:Reloaded[\s\S]*){3}/);
    postJson(`${url}/hello`, null).catch(() => undefined);
    await server.printed(/busy again/);
    server.kill('SIGINT');
    server.kill('SIGTERM');
    assert.equal(await server.exited, 137);
  });

  it('leaves nothing behind when it is killed', async (t) => {
    const { folder, save } = project(t, 'one');
    {
      await using server = new ServerProcess(args, { folder });
      const url = await server.url();
      server.kill('SIGKILL');
      assert.equal(await server.exited, 'SIGKILL');
      await assert.rejects(fetch(url));
    }
    {
      // As when a terminal is closed.
      await using server = new ServerProcess(args, { folder });
      await server.url();
      server.kill('SIGHUP');
      assert.equal(await server.exited, 129);
    }
    {
      // Its output ends with the last process that holds it.
      save('tasks/hello.ts', hello("{ console.log('busy'); for (;;); }"));
      await using server = new ServerProcess(args, { folder });
      postJson(`${await server.url()}/hello`, null).catch(() => undefined);
      await server.printed(/busy/);
      server.kill('SIGKILL');
      assert.equal(await server.exited, 'SIGKILL');
      save('tasks/hello.ts', hello("'one'"));
    }
    {
      save('tasks/hello.ts', `${hello("'one'")} console.log('busy'); for (;;);`);
      await using server = new ServerProcess(args, { folder });
      await server.printed(/busy/);
      server.kill('SIGKILL');
      assert.equal(await server.exited, 'SIGKILL');
      save('tasks/hello.ts', hello("'one'"));
    }
    await using again = new ServerProcess(args, { folder });
    assert.equal(await answered(await again.url()), 'one');
  });
});

/** Reads the status across the moment in which no process listens. */
async function statusWhenUp(status: string): ReturnType<typeof statusWhen> {
  for (;;) {
    try {
      return await statusWhen(status, (operation) => operation.status === 'completed');
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
}
