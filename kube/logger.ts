/** Structured log sink: the shape of pino, so that one can be passed as it is. */
export interface Logger {
  debug(fields: object, msg: string): void;
  info(fields: object, msg: string): void;
  warn(fields: object, msg: string): void;
  error(fields: object, msg: string): void;
}

/** Drops everything: the default of parts whose logger is optional. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
