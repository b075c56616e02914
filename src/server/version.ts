import { readFileSync } from 'node:fs';

/** Two folders up, both from src/ and from dist/. */
const file = new URL('../../package.json', import.meta.url);
const manifest = JSON.parse(readFileSync(file, 'utf8')) as {
  version: string;
  engines: { node: string };
};

export const { version } = manifest;

/**
 * The oldest Node that works, like '24.15.0'. It is the first whose SQLite is new enough
 * (requireSqliteVersion).
 */
export const nodeVersionMin = manifest.engines.node.replace(/^>=/, '');
