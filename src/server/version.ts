import { readFileSync } from 'node:fs';

/** Two folders up from here in src/ as in dist/. */
const file = new URL('../../package.json', import.meta.url);
const manifest = JSON.parse(readFileSync(file, 'utf8')) as {
  version: string;
  engines: { node: string };
};

export const { version } = manifest;

/** The oldest Node that will do, like '24.15.0': the first whose SQLite does (requireSqliteVersion). */
export const nodeVersionMin = manifest.engines.node.replace(/^>=/, '');
