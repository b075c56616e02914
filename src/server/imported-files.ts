import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Tells, from now on, the path of each file that this process imports or requires and that is the person's own: neither
 * of a package nor Raincheck's. Also those that could not be found or read, since they may be there after the next save.
 * Each once, and before it is loaded: that may never end.
 */
export function watchImports(told: (file: string) => void): void {
  const files = new Set<string>();
  const ours = new URL('../', import.meta.url).href;
  const add = (url: string): void => {
    const isOwn = url.startsWith('file:') && !url.startsWith(ours);
    if (!isOwn || url.includes('/node_modules/')) return;
    const file = fileURLToPath(url);
    if (files.has(file)) return;
    files.add(file);
    told(file);
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
}
