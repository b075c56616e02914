import { TaskError } from '../core/errors.ts';

const brand: unique symbol = Symbol.for('raincheck.file');

/** A result that is bytes rather than JSON: the return value of `file()`. */
export type FileResult = {
  readonly [brand]: true;
  readonly content: FileContent;
  readonly type: string;
  readonly name: string;
};

/** The content of a file: text (as UTF-8), bytes, or an iterable of pieces. */
export type FileContent = string | Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * Makes a handler's result a file:
 * `return file(pdf, { type: 'application/pdf', name: 'sales.pdf' })`. `content` is text, bytes, or
 * a stream of bytes that is read to its end within the attempt. `type` is the Content-Type (default
 * application/octet-stream), `name` the filename of the download (default 'result'). Throws a
 * TaskError that is not retried when `type` is not a media type.
 */
export function file(
  content: FileContent,
  options: { type?: string; name?: string } = {},
): FileResult {
  const type = options.type ?? 'application/octet-stream';
  if (!/^[\w.+-]+\/[\w.+-]+(?:; ?[\w-]+=(?:[\w.+-]+|"[^"\\\r\n]*"))*$/.test(type)) {
    throw new TaskError(`file(): \`type\` is not a media type: ${JSON.stringify(type)}.`, {
      retryable: false,
    });
  }
  return { [brand]: true, content, type, name: options.name ?? 'result' };
}

export function isFileResult(value: unknown): value is FileResult {
  return typeof value === 'object' && value !== null && brand in value;
}
