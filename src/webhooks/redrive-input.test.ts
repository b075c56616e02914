import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { redriveFilter, redriveInput, redriveSchema } from './redrive-input.ts';

describe('The input of a bulk redrive', () => {
  it('is of all dead letters, at the usual pace, when only an empty filter is given', () => {
    const input = redriveInput({ filter: {} });
    const { action, perSecond, dryRun } = input;
    assert.deepEqual(
      { action, perSecond, dryRun },
      { action: 'redrive', perSecond: limits.redrivePerSecondDefault, dryRun: false },
    );
    const filter = redriveFilter({ filter: input.filter, tenant: 't' });
    assert.deepEqual(JSON.parse(JSON.stringify(filter)), { states: ['dead'], tenant: 't' });
  });

  it('takes every filter of the list, and a pace', () => {
    const { filter, ...rest } = redriveInput({
      action: 'redrive',
      per_second: 1000,
      dry_run: true,
      filter: {
        state: 'expired',
        endpoint: 'ep_1',
        operation: 'op_1',
        event: 'operation.failed',
        error: 'http_500',
        since: '2026-01-01T00:00:00Z',
        until: '2026-01-02T00:00:00+01:00',
      },
    });
    assert.deepEqual(rest, { action: 'redrive', perSecond: 1000, dryRun: true });
    assert.deepEqual(filter, {
      state: 'expired',
      endpointId: 'ep_1',
      operationId: 'op_1',
      event: 'operation.failed',
      error: 'http_500',
      since: Date.parse('2026-01-01T00:00:00Z'),
      until: Date.parse('2026-01-01T23:00:00Z'),
    });
  });

  const refused: [unknown, string[]][] = [
    [null, ['']],
    [[], ['']],
    [{}, ['/filter']],
    [{ filter: [] }, ['/filter']],
    [{ filter: {}, dryrun: true }, ['/dryrun']],
    [{ filter: { endpiont: 'x' } }, ['/filter/endpiont']],
    [{ filter: { state: 'held' } }, ['/filter/state']],
    [{ filter: { state: 'expired' }, action: 'discard' }, ['/filter/state']],
    [{ filter: { event: 'webhook.test' } }, ['/filter/event']],
    [
      { filter: { error: '', since: '2h', until: 5 } },
      ['/filter/error', '/filter/since', '/filter/until'],
    ],
    [
      { filter: {}, action: 'delete', per_second: 0, dry_run: 1 },
      ['/action', '/per_second', '/dry_run'],
    ],
    [{ filter: {}, per_second: 1001 }, ['/per_second']],
  ];
  for (const [body, pointers] of refused) {
    it(`is refused at ${pointers.join(' ') || 'its top'} for ${JSON.stringify(body)}`, () => {
      assert.throws(
        () => redriveInput(body),
        (error) => {
          assert.ok(error instanceof RaincheckError && error.code === 'validation_failed');
          assert.deepEqual(
            error.errors?.map((one) => one.pointer),
            pointers,
          );
          return true;
        },
      );
      const outcome = redriveSchema['~standard'].validate(body);
      const paths = outcome.issues?.map((issue) => `/${(issue.path ?? []).join('/')}`);
      assert.deepEqual(
        paths,
        pointers.map((pointer) => pointer || '/'),
      );
    });
  }

  it('is never stored with `dry_run`, which only the route answers', () => {
    assert.equal(redriveInput({ filter: {}, dry_run: true }).dryRun, true);
    const { issues } = redriveSchema['~standard'].validate({ filter: {}, dry_run: true });
    assert.deepEqual(
      issues?.map(({ path }) => path),
      [['dry_run']],
    );
    const whole = redriveSchema['~standard'].validate({ filter: {}, dry_run: false });
    assert.equal(whole.issues, undefined);
  });

  it('suggests the member that was meant', () => {
    assert.throws(() => redriveInput({ filter: { endpiont: 'x' } }), /Did you mean `endpoint`/);
  });
});
