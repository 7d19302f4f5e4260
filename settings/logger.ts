import { type Logger, pino } from "pino";
import { Counter, type Registry } from "prom-client";
import { batchedOutput } from "./log-output.ts";
import { textLine } from "./log-text.ts";

/** What decides how a process logs. */
export interface LogOptions {
  /** The part that logs. */
  name: string;
  logLevel: string;
  logFormat: "auto" | "json" | "text";
  registry: Registry;
}

/** The logger of a process, on standard output. Lines are counted by level, those included that the level keeps back. */
export function makeLogger({ name, logLevel, logFormat, registry }: LogOptions): Logger {
  const isText = logFormat === "text" || (logFormat === "auto" && process.stdout.isTTY === true);
  const lines = new Counter({
    name: "odin_log_messages",
    help: "Log lines by level.",
    labelNames: ["level"],
    registers: [registry],
  });
  const options = {
    name,
    level: logLevel,
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: (): string => `,"time":"${new Date().toISOString()}"`,
    hooks: {
      logMethod(
        this: Logger,
        args: Parameters<typeof pino.prototype.info>,
        method: (...all: unknown[]) => void,
        level: number,
      ): void {
        lines.inc({ level: pino.levels.labels[level] ?? "other" });
        method.apply(this, args as unknown[]);
      },
    },
  };
  const output = batchedOutput();
  return pino(options, isText ? { write: (line: string) => output.write(textLine(line)) } : output);
}
