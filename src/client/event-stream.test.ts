import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { EventStreamParser, type StreamEvent } from './event-stream.ts';

function parsed(bytes: Uint8Array, cuts: readonly number[] = []): StreamEvent[] {
  const parser = new EventStreamParser();
  const ends = [...cuts, bytes.length].toSorted((a, b) => a - b);
  let start = 0;
  return ends.flatMap((end) => {
    const events = parser.push(bytes.subarray(start, end));
    start = end;
    return events;
  });
}

const utf8 = new TextEncoder();

describe('The parser of event streams', () => {
  it('takes fields with and without a space, joins data lines, keeps the last id', () => {
    const text =
      'retry: 2000\n\n: ping\n\nid: 7\nevent: status\ndata: {"a":1}\n\nevent:x\ndata:one\ndata: two\n\n';
    assert.deepEqual(parsed(utf8.encode(text)), [
      { id: '7', event: 'status', data: '{"a":1}' },
      { id: '7', event: 'x', data: 'one\ntwo' },
    ]);
  });

  it('gives the same events wherever the bytes are cut, and for every kind of line end', () => {
    const line = fc.stringMatching(/^[a-zäß€😀 :]{0,12}$/u);
    fc.assert(
      fc.property(
        fc.array(fc.record({ id: fc.nat(), data: fc.array(line, { minLength: 1, maxLength: 3 }) })),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.nat(400)),
        (sent, end, cuts) => {
          const text = sent
            .map(({ id, data }) =>
              [`id: ${id}`, ...data.map((one) => `data: ${one}`), '', ''].join(end),
            )
            .join('');
          const bytes = utf8.encode(`${text}:end${end}`);
          const expected = sent.map(({ id, data }) => ({
            id: String(id),
            event: 'message',
            data: data.join('\n'),
          }));
          assert.deepEqual(
            parsed(
              bytes,
              cuts.filter((cut) => cut < bytes.length),
            ),
            expected,
          );
        },
      ),
    );
  });

  it('drops what is unfinished, and refuses an event without end', () => {
    assert.deepEqual(parsed(utf8.encode('data: half\n')), []);
    const parser = new EventStreamParser();
    const much = utf8.encode(`data: ${'x'.repeat(1_048_576)}\n`);
    assert.throws(() => {
      for (let i = 0; i < 10; i += 1) parser.push(much);
    }, RangeError);
  });
});
