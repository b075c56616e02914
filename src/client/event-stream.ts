/** One event of a stream: the fields that we use. */
export type StreamEvent = { readonly id: string; readonly event: string; readonly data: string };

/** No event of ours is longer than this; a stream with a longer one is given up. */
const eventCharsMax = 4 * 1_048_576;

/**
 * Parses server-sent events (WHATWG HTML, 9.2.6) from the bytes of a response, wherever the chunks
 * are cut. Skips comments, `retry` and events without data, and drops an unfinished event at the
 * end, as the standard asks.
 */
export class EventStreamParser {
  readonly #decoder = new TextDecoder();
  #rest = '';
  #data: string[] = [];
  #event = '';
  #id = '';
  #chars = 0;

  /** The events that `chunk` completes. Throws RangeError for an event that is too long. */
  push(chunk: Uint8Array): StreamEvent[] {
    const text = this.#rest + this.#decoder.decode(chunk, { stream: true });
    // A CR at the end may be the first half of CRLF.
    const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
    const lines = whole.split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? '') + text.slice(whole.length);
    this.#count(this.#rest.length);
    const events: StreamEvent[] = [];
    for (const line of lines) {
      const event = this.#line(line);
      if (event !== null) events.push(event);
    }
    return events;
  }

  #line(line: string): StreamEvent | null {
    if (line === '') return this.#dispatch();
    this.#count(line.length);
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    return null;
  }

  #dispatch(): StreamEvent | null {
    const event = { id: this.#id, event: this.#event || 'message', data: this.#data.join('\n') };
    const isEmpty = this.#data.length === 0;
    this.#data = [];
    this.#event = '';
    this.#chars = 0;
    return isEmpty ? null : event;
  }

  #count(chars: number): void {
    this.#chars += chars;
    if (this.#chars > eventCharsMax) throw new RangeError('An event of the stream is too long.');
  }
}
