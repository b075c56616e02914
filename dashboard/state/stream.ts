/** One server-sent event: the fields that the feed uses. */
export type StreamEvent = { readonly event: string; readonly data: string };

/**
 * The events of a response (WHATWG HTML 9.2.6), together as they came: a chunk that completes none gives []. Whoever
 * follows sees from that too that the connection lives.
 */
export async function* readStream(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<readonly StreamEvent[]> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      // Our server ends lines with LF.
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop() ?? '';
      yield blocks.map(eventOf).filter((event) => event.data !== '');
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function eventOf(block: string): StreamEvent {
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) event = line.slice(6).trim();
    else if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
  }
  return { event, data: data.join('\n') };
}
