import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Connection } from 'pg';
import { batchClass } from './batch.ts';
import { loadDriver } from './pg-driver.ts';

it('a version of pg without what a batch uses of its connection is refused by name', async () => {
  const Batch = batchClass(await loadDriver());
  const batch = new Batch({ isPrepared: true });
  const later = { stream: {} } as unknown as Connection;
  const refusal = batch.submit(later);
  assert.ok(refusal instanceof Error);
  assert.match(refusal.message, /npm install pg@8\.23/);
});
