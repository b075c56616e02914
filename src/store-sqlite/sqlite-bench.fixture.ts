import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { StoreBench } from '../testing/store-bench.ts';
import { openSqliteStore } from './sqlite-store.ts';

export type SqliteBench = {
  readonly bench: StoreBench;
  /** The first column of the rows that a query finds in the file, read beside the store. */
  readonly look: (sql: string) => unknown[];
  /** Changes the file behind the store's back. */
  readonly change: (sql: string) => void;
};

/** A store in a file of its own, which is removed with the test. */
export async function openSqliteBench(t: TestContext): Promise<SqliteBench> {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-sqlite-'));
  const file = path.join(folder, 'raincheck.db');
  const open = () => openSqliteStore({ path: file, synchronous: 'normal' });
  const reopen = async () => {
    await bench.store.close();
    return open();
  };
  const bench = new StoreBench({ store: await open(), reopen, close: async () => {} });
  t.after(async () => {
    await bench.store.close();
    rmSync(folder, { recursive: true });
  });
  const look = (sql: string): unknown[] => {
    const db = new DatabaseSync(file, { readOnly: true });
    const rows = db.prepare(sql).all();
    db.close();
    return rows.map((row) => Object.values(row)[0]);
  };
  const change = (sql: string): void => {
    const db = new DatabaseSync(file);
    db.exec(sql);
    db.close();
  };
  return { bench, look, change };
}
