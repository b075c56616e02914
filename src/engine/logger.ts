/** What the engine needs of a logger; pino's own shape. `fields` are data, `message` is one plain sentence. */
export type Logger = {
  /** The least level that is written, where the logger tells it: only at `debug` are lines of that level kept. */
  readonly level?: string | undefined;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
