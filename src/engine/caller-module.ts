import { pathToFileURL } from 'node:url';

/**
 * URL of the module that called `callee`, from the stack; null when it cannot be determined (eval,
 * the REPL). Reads frames as V8's CallSites rather than the text of `stack`, which source maps and
 * other formatters change.
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

/** The module's URL: V8 names ES modules by URL and CommonJS modules by path. */
function moduleUrl(fileName: unknown): string | null {
  if (typeof fileName !== 'string' || fileName === '' || fileName.startsWith('[')) return null;
  if (fileName.startsWith('file:')) return fileName;
  return fileName.startsWith('/') || /^[A-Za-z]:\\/.test(fileName)
    ? pathToFileURL(fileName).href
    : null;
}
