import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import vm from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build, type BuildResult } from 'esbuild';
import { kit, listening } from '../../src/http/transports.fixture.ts';
import type * as ClientEntry from '../../src/client.ts';

const root = path.join(import.meta.dirname, '..', '..');

type Bundle = {
  readonly text: string;
  readonly imports: readonly string[];
  readonly files: string[];
};

/** Bundles as an app's bundler does: for browsers, minified, unused code left out. */
async function bundled(code: string): Promise<Bundle> {
  const { outputFiles, metafile }: BuildResult<{ write: false; metafile: true }> = await build({
    stdin: { contents: code, resolveDir: root, loader: 'ts' },
    absWorkingDir: root,
    bundle: true,
    minify: true,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    globalName: 'entry',
    conditions: ['raincheck-source'],
    external: ['react', 'node:*'],
    write: false,
    metafile: true,
  });
  const [output] = Object.values(metafile.outputs);
  return {
    text: outputFiles[0]!.text,
    imports: output!.imports.map((one) => one.path),
    files: Object.keys(metafile.inputs).filter((file) => file !== '<stdin>'),
  };
}

describe('The client in a browser', () => {
  let whole: Bundle;
  let usual: Bundle;
  before(async () => {
    whole = await bundled("export * from 'raincheck/client'");
    usual = await bundled("export { createClient } from 'raincheck/client'");
  });

  it('brings nothing but itself', () => {
    assert.deepEqual(whole.imports, []);
    const foreign = whole.files.filter(
      (file) => !/^src\/(?:client\.ts$|client\/|core\/)/.test(file),
    );
    assert.deepEqual(foreign, []);
  });

  it('brings React for the hook, and nothing else', async () => {
    const { imports, files } = await bundled("export * from 'raincheck/react'");
    assert.deepEqual([...new Set(imports)], ['react']);
    const foreign = files.filter(
      (file) => !/^src\/(?:react\.ts$|react\/|client\/|core\/)/.test(file),
    );
    assert.deepEqual(foreign, []);
  });

  it('is as small as docs/client.md says', (t) => {
    const text = readFileSync(path.join(root, 'docs/client.md'), 'utf8');
    const [, all, one] = /\*\*([\d.]+) KB\*\* .*?\*\*([\d.]+) KB\*\*/.exec(text) ?? [];
    for (const [{ text: code }, told] of [
      [whole, all],
      [usual, one],
    ] as const) {
      const kilobytes = gzipSync(code).byteLength / 1000;
      t.diagnostic(
        `${kilobytes.toFixed(2)} KB gzipped, ${(code.length / 1000).toFixed(1)} KB minified`,
      );
      assert.ok(
        kilobytes <= Number(told) && kilobytes > Number(told) - 0.5,
        `${kilobytes}, told ${told}`,
      );
    }
  });

  it('runs where there is nothing of Node', async (t) => {
    const k = await kit();
    const { port, close } = await listening(k.app);
    t.after(async () => {
      await k.stop();
      await close();
    });
    const web = {
      AbortController,
      AbortSignal,
      Blob,
      clearTimeout,
      crypto,
      DOMException,
      fetch,
      File,
      Headers,
      performance,
      ReadableStream,
      Response,
      setTimeout,
      TextDecoder,
      TextEncoder,
      URL,
      URLSearchParams,
    };
    const { createClient, verifyWebhook } = vm.runInNewContext(
      `${whole.text};entry`,
      web,
    ) as typeof ClientEntry;
    const client = createClient({ baseUrl: `http://127.0.0.1:${port}` });
    // Not deepEqual: objects of that realm have other prototypes.
    assert.equal(JSON.stringify(await client.run('echo', { a: 1 })), '{"echo":{"a":1}}');
    const told: string[] = [];
    for await (const { type } of (await client.submit('broken', {})).events()) told.push(type);
    assert.equal(told.at(-1), 'failed');
    const secret = `whsec_${Buffer.alloc(32).toString('base64')}`;
    await assert.rejects(verifyWebhook('{}', {}, secret), { name: 'WebhookVerificationError' });
  });
});
