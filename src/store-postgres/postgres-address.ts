import { expected, refuseUnknownKeys } from '../core/options.ts';
import type { PostgresStoreOptions } from './postgres-store.ts';

/**
 * Parameters of an address that are for us, not for node-postgres:
 * `postgres://host/db?schema=orders&notify=off`.
 */
const parameterNames = ['schema', 'connections', 'prepare', 'notify'] as const;

/** Parameters that node-postgres reads from an address. */
const driverNames = [
  'host',
  'port',
  'user',
  'password',
  'ssl',
  'sslmode',
  'sslcert',
  'sslkey',
  'sslrootcert',
  'uselibpqcompat',
];

/** Throws `invalid_option`; the message never repeats the address, which holds a password. */
export function parsePostgresAddress(address: string): PostgresStoreOptions {
  if (!URL.canParse(address))
    throw expected('store', '`postgres://user@host:port/database`', 'no address');
  const url = new URL(address);
  const given = Object.fromEntries(url.searchParams);
  refuseUnknownKeys('the address of a PostgreSQL store', given, [
    ...parameterNames,
    ...driverNames,
  ]);
  for (const name of parameterNames) url.searchParams.delete(name);
  const { schema, connections, prepare, notify } = given;
  return {
    url: url.href,
    ...(schema === undefined ? {} : { schema }),
    ...(connections === undefined ? {} : { connections: wholeNumber(connections) }),
    ...(prepare === undefined ? {} : { prepare: onOrOff('prepare', prepare) }),
    ...(notify === undefined ? {} : { notify: onOrOff('notify', notify) }),
  };
}

function wholeNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw expected('connections', 'a whole number', text);
}

function onOrOff(name: string, text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw expected(name, '`on` or `off`', text);
}

/** Where the store is, for people to read: host, database and schema, never user or password. */
export function postgresLabel({ url, schema = 'raincheck' }: PostgresStoreOptions): string {
  const { hostname, port, pathname } = new URL(url);
  const host = hostname === '' ? 'localhost' : hostname;
  const database = pathname.length > 1 ? pathname : '';
  return `postgres://${host}${port === '' ? '' : `:${port}`}${database}, schema ${schema}`;
}
