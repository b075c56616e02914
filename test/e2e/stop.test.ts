import assert from 'node:assert/strict';
import path from 'node:path';
import { it } from 'node:test';
import { ServerProcess } from './server-process.ts';

const lingering = path.join(import.meta.dirname, 'fixtures', 'lingering.config.ts');

it('a stopped server ends, whatever its config still holds open', async () => {
  const args = ['serve', '--config', lingering, '--store', 'memory:', '--port', '0'];
  await using server = new ServerProcess(args);
  await server.url();
  server.kill('SIGTERM');
  assert.equal(await server.exited, 0, server.output);
});
