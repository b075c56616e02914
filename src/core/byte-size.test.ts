import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatBytes } from './byte-size.ts';

it('bytes are told in decimal units', () => {
  assert.deepEqual([0, 999, 1000, 12_345, 999_949, 999_950, 4_000_000_000].map(formatBytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '12.3 kB',
    '999.9 kB',
    '1.0 MB',
    '4.0 GB',
  ]);
});
