import { pathToFileURL } from 'node:url';

/**
 * URL of the module that called `callee`, from the stack; null when it cannot be told (eval, the REPL).
 * Frames are read as V8's CallSites rather than from the text of `stack`, which source maps and other
 * people's formatters change.
 */
export function callerModule(callee: Function): string | null {
  const formatter: unknown = Reflect.get(Error, 'prepareStackTrace');
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 1;
    Error.prepareStackTrace = (_error, frames) => frames[0]?.getFileName() ?? null;
    const holder: { stack?: unknown } = {};
    Error.captureStackTrace(holder, callee);
    return moduleUrl(holder.stack);
  } finally {
    Reflect.set(Error, 'prepareStackTrace', formatter);
    Error.stackTraceLimit = limit;
  }
}

/** ES modules are named by URL, CommonJS ones by path. */
function moduleUrl(fileName: unknown): string | null {
  if (typeof fileName !== 'string' || fileName === '' || fileName.startsWith('[')) return null;
  if (fileName.startsWith('file:')) return fileName;
  return fileName.startsWith('/') || /^[A-Za-z]:\\/.test(fileName)
    ? pathToFileURL(fileName).href
    : null;
}
