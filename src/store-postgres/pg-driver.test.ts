import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { it } from 'node:test';
import type { RaincheckError } from '../core/errors.ts';
import { openStore } from '../server/open-store.ts';

it('the package pg is asked for when a PostgreSQL store is used, and not before', async () => {
  const asked: string[] = [];
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier !== 'pg') return next(specifier, context);
      asked.push(specifier);
      // As where the package is not installed.
      return next('pg-that-is-not-installed', context);
    },
  });
  await openStore('memory:').close();
  const store = openStore('postgres://localhost/app');
  assert.deepEqual(asked, []);
  await assert.rejects(store.ping(), (error: RaincheckError) => {
    assert.match(error.message, /npm install pg/);
    return error.code === 'invalid_option';
  });
  assert.deepEqual(asked, ['pg']);
  await store.close();
  hooks.deregister();
});
