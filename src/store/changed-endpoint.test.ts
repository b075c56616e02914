import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deepFreeze, endpoint, now } from '../core/delivery.fixture.ts';
import { enabledAgain } from '../core/endpoint-health.ts';
import { changedEndpoint } from './changed-endpoint.ts';

const off = deepFreeze({ ...endpoint, disabled: { reason: 'gone', at: now - 5 } } as const);

describe('changedEndpoint', () => {
  it('changes what is given and counts once', () => {
    const url = { url: 'https://new.example/', origin: 'https://new.example' };
    const rest = { events: ['operation.failed'], tasks: [], headers: { a: 'b' } } as const;
    assert.deepEqual(
      changedEndpoint(deepFreeze(endpoint), { url, ...rest, description: 'x' }, now),
      { ...endpoint, ...url, ...rest, description: 'x', version: 4 },
    );
    assert.deepEqual(
      changedEndpoint({ ...endpoint, description: 'x' }, { description: null }, now),
      {
        ...endpoint,
        version: 4,
      },
    );
  });

  it('disables by hand, and enables as enabledAgain()', () => {
    assert.deepEqual(changedEndpoint(endpoint, { enabled: false }, now), {
      ...endpoint,
      disabled: { reason: 'manual', at: now },
      version: 4,
    });
    assert.deepEqual(changedEndpoint(off, { enabled: true }, now), enabledAgain(off));
    assert.deepEqual(changedEndpoint(off, { enabled: true, description: 'x' }, now), {
      ...enabledAgain(off),
      description: 'x',
      version: 4,
    });
  });

  it('is the same record when nothing changes', () => {
    assert.equal(changedEndpoint(endpoint, {}, now), endpoint);
    assert.equal(changedEndpoint(endpoint, { url: undefined, tasks: undefined }, now), endpoint);
    assert.equal(changedEndpoint(endpoint, { enabled: true }, now), endpoint);
    assert.equal(changedEndpoint(off, { enabled: false }, now), off, 'and keeps its reason');
  });
});
