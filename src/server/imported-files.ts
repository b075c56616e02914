import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Collects, from now on, the files that this process imports or requires and that are the person's own: neither of a
 * package nor Raincheck's. Also those that could not be found or read, since they may be there after the next save.
 * Paths of files; the set grows as more are imported.
 */
export function collectImports(): ReadonlySet<string> {
  const files = new Set<string>();
  const ours = new URL('../', import.meta.url).href;
  const add = (url: string): void => {
    const isOwn = url.startsWith('file:') && !url.startsWith(ours);
    if (isOwn && !url.includes('/node_modules/')) files.add(fileURLToPath(url));
  };
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const parent = context.parentURL;
      if (parent !== undefined && /^\.{0,2}\//.test(specifier) && URL.canParse(specifier, parent)) {
        // In place of what will be found: it may not be.
        if (!parent.startsWith(ours)) add(new URL(specifier, parent).href);
      }
      const resolved = nextResolve(specifier, context);
      add(resolved.url);
      return resolved;
    },
  });
  return files;
}
