import type { Client, Pool, PoolConfig } from 'pg';
import { RaincheckError } from '../core/errors.ts';

/** The parts that we use of the package `pg`, which only users of PostgreSQL need to install. */
export type PgDriver = {
  readonly Pool: new (config: PoolConfig) => Pool;
  readonly Client: typeof Client;
  /** Base class of its queries; batch.ts extends it. */
  readonly Query: new (text: string) => object;
};

/** Loads `pg` at the first use. Throws `invalid_option` when it is not installed. */
export async function loadDriver(): Promise<PgDriver> {
  try {
    const { default: driver } = await import('pg');
    return driver;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new RaincheckError(
      'invalid_option',
      'A PostgreSQL store needs the package `pg`, which is not installed. Run `npm install pg`.',
      { cause: error },
    );
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}
