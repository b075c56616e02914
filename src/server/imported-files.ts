import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Calls `told`, from now on, with the path of each of the person's own files that this process
 * imports or requires; files of packages and of Raincheck are left out. Files that cannot be found
 * or read are included, since they may exist after the next save. Each is reported once, before it
 * is loaded, because loading may never end.
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
        // The path as written, in case it does not resolve.
        if (!parent.startsWith(ours)) add(new URL(specifier, parent).href);
      }
      const resolved = nextResolve(specifier, context);
      add(resolved.url);
      return resolved;
    },
  });
}
