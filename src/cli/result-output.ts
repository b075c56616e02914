import { constants, createWriteStream } from 'node:fs';
import { access, rename, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileName, type OperationHandle } from '../client/operation.ts';
import { formatBytes } from '../core/byte-size.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import type { Context } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { shellWord } from './terminal-text.ts';

/**
 * Delivers the result: JSON to stdout (indented for eyes, compact for pipes); `-o file` for whatever it
 * is; `-o -` its bytes to stdout; a file without -o only as its address, as nobody wants a PDF on the screen.
 */
export async function deliverResult(
  context: Context,
  handle: OperationHandle,
  p: {
    readonly operation: WireOperation;
    readonly to: string | undefined;
    /** A file goes to a pipe as it is: `raincheck result op_… > report.pdf`. */
    readonly filesToPipe: boolean;
  },
): Promise<void> {
  const { output } = context;
  const { operation, to } = p;
  if (to !== undefined && to !== '-') return writeFileOf(context, handle, to);
  if (output.json && to === undefined) return;
  if (to === undefined && 'result' in operation) return printJson(context, operation.result);
  const response = await handle.download();
  const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '');
  if (to === '-' || (!isJson && p.filesToPipe && !output.resultIsSeen)) {
    return toStdout(response);
  }
  if (isJson) {
    return output.resultIsSeen
      ? printJson(context, await response.json())
      : toStdout(response, '\n');
  }
  await response.body?.cancel();
  output.result(context.transport.address(operation.result_url ?? '').href);
  const name = fileName(response.headers) ?? 'result';
  const type = response.headers.get('content-type') ?? 'a file';
  output.note(`${type}${sizeText(response)}; -o ${shellWord(name)} writes it to a file.`);
}

function printJson({ output }: Context, value: unknown): void {
  output.result(JSON.stringify(value, null, output.resultIsSeen ? 2 : undefined));
}

function sizeText(response: Response): string {
  const bytes = Number(response.headers.get('content-length') ?? Number.NaN);
  return Number.isFinite(bytes) ? `, ${formatBytes(bytes)}` : '';
}

async function toStdout(response: Response, end = ''): Promise<void> {
  if (response.body !== null) {
    await pipeline(Readable.fromWeb(response.body), process.stdout, { end: false });
  }
  process.stdout.write(end);
}

/** Writes under another name first, so that the file is there whole or not at all. */
async function writeFileOf(context: Context, handle: OperationHandle, to: string): Promise<void> {
  const response = await handle.download();
  const target = await targetOf(to, fileName(response.headers) ?? 'result');
  const partial = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.part`);
  try {
    const body = response.body === null ? Readable.from([]) : Readable.fromWeb(response.body);
    await pipeline(body, createWriteStream(partial));
    const { size } = await stat(partial);
    await rename(partial, target);
    context.output.note(`Wrote ${target} (${formatBytes(size)})`);
  } catch (error) {
    await unlink(partial).catch(() => undefined);
    throw error;
  }
}

/** Refuses a bad target of `-o` while it costs nothing: before the work, not after it. */
export async function refuseBadTarget(to: string | undefined): Promise<void> {
  if (to === undefined || to === '-') return;
  if (to === '') throw new UsageError('-o wants the name of a file or folder.');
  const isFolder = await stat(to).then(
    (found) => found.isDirectory(),
    () => /[\\/]$/.test(to),
  );
  const folder = isFolder ? to : path.dirname(to);
  const found = await stat(folder).catch(() => null);
  if (found?.isDirectory() !== true) {
    throw new UsageError(`There is no folder ${folder} for -o ${to}.`);
  }
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new UsageError(`The folder ${folder} cannot be written to.`, { cause: error });
  }
}

/** The file to write: in a folder by the server's name for it, but never over one that exists. */
async function targetOf(to: string, name: string): Promise<string> {
  const isFolder = await stat(to).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return to;
  const target = path.join(to, name);
  const exists = await stat(target).then(
    () => true,
    () => false,
  );
  if (exists) throw new UsageError(`${target} exists; name the file to overwrite it: -o ${target}`);
  return target;
}
