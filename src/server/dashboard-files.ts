import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { DashboardFile, DashboardFiles } from '../http/pages/dashboard.ts';

/**
 * The folder in which `npm run build` puts the dashboard. The same path works from src/server/ and
 * dist/server/.
 */
const dashboardFolder = fileURLToPath(new URL('../../dist/dashboard/', import.meta.url));

/** Whether a built dashboard exists. */
export function isDashboardBuilt(): boolean {
  return existsSync(path.join(dashboardFolder, 'index.html'));
}

/** The types of files in a built dashboard. Files with other extensions are left out. */
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

/**
 * A function that returns the files of a folder. They are read at the first call and kept; together
 * they are less than 1 MB. While there is no index.html it returns null and looks again at the next
 * call. Throws errors of the file system, except for missing files.
 */
export function dashboardFiles(folder: string = dashboardFolder): () => DashboardFiles {
  let kept: DashboardFiles = null;
  return () => (kept ??= readFiles(folder));
}

function readFiles(folder: string): DashboardFiles {
  const files = new Map<string, DashboardFile>();
  for (const entry of entriesOf(folder)) {
    const type = types[path.extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const file = path.join(entry.parentPath, entry.name);
    const bytes = readFileSync(file);
    const etag = `"${hash('sha256', bytes, 'base64url').slice(0, 22)}"`;
    const gzip = compressed(type, bytes);
    files.set(path.relative(folder, file).replaceAll(path.sep, '/'), { type, bytes, gzip, etag });
  }
  return files.has('index.html') ? files : null;
}

/**
 * The gzipped bytes of text that is worth compressing: scripts and styles shrink to a third. null:
 * not worth it.
 */
function compressed(type: string, bytes: Buffer): Buffer | null {
  if (bytes.length < 1_024 || !/^text\/|json|svg/.test(type)) return null;
  return gzipSync(bytes, { level: 9 });
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
