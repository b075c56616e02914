import assert from 'node:assert/strict';
import { it } from 'node:test';
import { cutTo, displayWidth, safeLine, safeText, table } from './terminal-text.ts';

it('nothing that steers a terminal gets through, line breaks and tabs do', () => {
  assert.equal(
    safeText('a\u001b[31mb\u001b]0;title\u0007c\u009bd\u0000\u0008e\tf\ng\rh'),
    'abc\u0064e\tf\ngh',
  );
  assert.equal(safeText('user\u202egnp.exe\u2066'), 'usergnp.exe');
  assert.equal(safeLine('a\r\nb\tc'), 'a b c');
  assert.equal(safeText('Grüße, 日本 👍'), 'Grüße, 日本 👍');
});

it('widths are columns, not characters', () => {
  assert.equal(displayWidth('abc'), 3);
  assert.equal(displayWidth('日本'), 4);
  assert.equal(displayWidth('e\u0301'), 1);
  assert.equal(displayWidth('█▍░…·'), 5);
  assert.equal(cutTo('abcdef', 4), 'abc…');
  assert.equal(cutTo('日本語', 4), '日…');
  assert.equal(cutTo('abc', 3), 'abc');
  assert.equal(cutTo('abc', 0), '');
});

it('tables are aligned and cut at the width', () => {
  const columns = [{ title: 'NAME' }, { title: 'N', align: 'right' as const }, { title: 'TEXT' }];
  const rows = [
    ['日本', '5', 'abcdefgh'],
    ['x', '12345', ''],
  ];
  assert.deepEqual(table(columns, rows, 18), [
    'NAME      N  TEXT',
    '日本      5  abcd…',
    'x     12345',
  ]);
});
