/**
 * The part of a logger that the engine uses; it has pino's shape. `fields` are data, `message` is
 * one plain sentence.
 */
export type Logger = {
  /**
   * The lowest level that is written, if the logger has it: debug lines are kept only when it is
   * `debug`.
   */
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
