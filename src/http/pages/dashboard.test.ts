import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { dashboardFiles } from '../../server/dashboard-files.ts';
import { assertProblem, kit, transports, type Kit, type Send } from '../transports.fixture.ts';

const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const page =
  '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Raincheck</title></head><body></body></html>';
const script = 'export const answer = 42;\n'.repeat(100);

/** A folder as Vite builds it, with a file beside it that must never be served. */
function builtFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-dashboard-'));
  const built = path.join(folder, 'dashboard');
  mkdirSync(path.join(built, 'assets'), { recursive: true });
  writeFileSync(path.join(built, 'index.html'), page);
  writeFileSync(path.join(built, 'icon.svg'), '<svg/>');
  writeFileSync(path.join(built, 'assets', 'index-B1x9.js'), script);
  writeFileSync(path.join(built, 'notes.key'), 'secret');
  writeFileSync(path.join(folder, 'secret.html'), 'secret');
  return folder;
}

for (const transport of transports) {
  for (const basePath of ['', '/a/b']) {
    describe(`The dashboard at '${basePath}' ${transport.name}`, () => {
      let k: Kit;
      let send: Send;
      let close: () => Promise<void>;
      const folder = builtFolder();
      before(async () => {
        const dashboard = dashboardFiles(path.join(folder, 'dashboard'));
        k = await kit({ basePath, dashboard, dev: true, token: 'rck_12345678' });
        ({ send, close } = await transport.open(k.app));
      });
      after(async () => {
        await close();
        await k.stop();
        rmSync(folder, { recursive: true });
      });

      it('is one page for every address of its own, with the prefix in it and without a token', async () => {
        const paths = ['', '/', '/index.html', '/operations', '/operations/op_1', '/a/b/c?q=1#x'];
        for (const at of paths) {
          const answer = await send('GET', `${basePath}/dashboard${at}`, { headers: browser });
          assert.equal(answer.status, 200, at);
          assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8');
          assert.equal(answer.headers.get('cache-control'), 'no-cache');
          assert.equal(
            answer.text,
            page.replace('<head>', `<head><base href="${basePath}/dashboard/" />`),
          );
        }
      });

      it('takes a name with a dot for a page when a person opens it', async () => {
        const at = `${basePath}/dashboard/tasks/reports.daily`;
        assert.equal((await send('GET', at, { headers: browser })).status, 200);
        assertProblem(await send('GET', at), 'not_found');
      });

      it('lets nothing run but its own script, in nobody’s frame', async () => {
        for (const at of ['/', '/assets/index-B1x9.js', '/icon.svg']) {
          const { headers } = await send('GET', `${basePath}/dashboard${at}`);
          const policy = headers.get('content-security-policy') ?? '';
          assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
          assert.match(policy, /frame-ancestors 'none'$/);
          assert.equal(headers.get('x-content-type-options'), 'nosniff');
        }
      });

      it('has its hashed files kept for a year and all else asked after', async () => {
        const asset = await send('GET', `${basePath}/dashboard/assets/index-B1x9.js`);
        assert.equal(asset.text, script);
        assert.equal(asset.headers.get('content-type'), 'text/javascript; charset=utf-8');
        assert.equal(asset.headers.get('cache-control'), 'public, max-age=31536000, immutable');
        const icon = await send('GET', `${basePath}/dashboard/icon.svg`);
        assert.equal(icon.headers.get('cache-control'), 'no-cache');
        for (const at of ['/', '/icon.svg', '/assets/index-B1x9.js']) {
          const etag = (await send('GET', `${basePath}/dashboard${at}`)).headers.get('etag') ?? '';
          assert.match(etag, /^"[\w.-]+"$/);
          const headers = { 'if-none-match': etag };
          const again = await send('GET', `${basePath}/dashboard${at}`, { headers });
          assert.deepEqual([again.status, again.text], [304, '']);
        }
        const head = await send('HEAD', `${basePath}/dashboard/icon.svg`);
        assert.deepEqual(
          [head.status, head.headers.get('content-length'), head.text],
          [200, '6', ''],
        );
      });

      it('sends what shrinks compressed to who takes it, under another tag', async () => {
        const at = `${basePath}/dashboard/assets/index-B1x9.js`;
        const plain = await send('GET', at);
        const zipped = await send('GET', at, { headers: { 'accept-encoding': 'br, gzip' } });
        assert.equal(zipped.headers.get('content-encoding'), 'gzip');
        assert.equal(gunzipSync(zipped.bytes).toString(), script);
        assert.ok(zipped.bytes.length < plain.bytes.length / 2);
        for (const { headers } of [plain, zipped])
          assert.equal(headers.get('vary'), 'Accept-Encoding');
        assert.notEqual(zipped.headers.get('etag'), plain.headers.get('etag'));
        const refused = await send('GET', at, { headers: { 'accept-encoding': 'gzip;q=0, *' } });
        assert.equal(refused.headers.get('content-encoding'), null);
        const page = await send('GET', `${basePath}/dashboard`, {
          headers: { 'accept-encoding': 'gzip' },
        });
        assert.equal(page.headers.get('content-encoding'), null);
      });

      it('gives no other file, however it is asked', async () => {
        const paths = [
          '/assets/gone.js',
          '/notes.key',
          '/../secret.html',
          '/%2e%2e/secret.html',
          '/..%2fsecret.html',
          '/assets/..%2f..%2fsecret.html',
          '/assets/%00.js',
          '/..%5csecret.html',
          '/%2fetc%2fpasswd',
          `/${encodeURIComponent(path.join(folder, 'secret.html'))}`,
          '/constructor',
          '/__proto__',
        ];
        for (const at of paths) {
          const answer = await send('GET', `${basePath}/dashboard${at}`);
          assert.ok([200, 401, 404].includes(answer.status), `${at}: ${answer.status}`);
          assert.doesNotMatch(answer.text, /^secret$|root:/, at);
        }
        const post = await send('POST', `${basePath}/dashboard`, {
          headers: { authorization: 'Bearer rck_12345678' },
        });
        assertProblem(post, 'method_not_allowed');
      });

      it('is where a browser at / comes to in dev, and programs do not', async () => {
        const headers = { authorization: 'Bearer rck_12345678' };
        const opened = await send('GET', `${basePath}/`, { headers: { ...headers, ...browser } });
        assert.deepEqual(
          [opened.status, opened.headers.get('location')],
          [303, `${basePath}/dashboard`],
        );
        assert.equal((await send('GET', `${basePath}/`, { headers })).json.name, 'raincheck');
      });
    });
  }
}

describe('A dashboard', () => {
  it('that is not built says what to run, and is served once it is', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-dashboard-'));
    const k = await kit({ dashboard: dashboardFiles(path.join(folder, 'later')) });
    const { send } = await transports[0]!.open(k.app);
    const before = await send('GET', '/dashboard/assets/x.js', { headers: browser });
    assert.equal(before.status, 503);
    assert.match(before.text, /npm run build/);
    assert.ok(before.headers.has('retry-after'));
    mkdirSync(path.join(folder, 'later'));
    writeFileSync(path.join(folder, 'later', 'index.html'), page);
    assert.equal((await send('GET', '/dashboard')).status, 200);
    rmSync(folder, { recursive: true });
    assert.equal((await send('GET', '/dashboard')).status, 200, 'read once and kept');
    await k.stop();
  });

  it('that is not wanted is not there', async () => {
    const k = await kit();
    const { send } = await transports[0]!.open(k.app);
    assertProblem(await send('GET', '/dashboard'), 'not_found');
    assert.equal((await send('GET', '/', { headers: browser })).json.name, 'raincheck');
    await k.stop();
  });
});
