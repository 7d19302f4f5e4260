import { type ParseArgsConfig, parseArgs } from "node:util";
import { LocalError } from "../../local/local-error.ts";

/** The values of a command line's options; throws `LocalError` for one that there is not. */
export function optionValues<T extends NonNullable<ParseArgsConfig["options"]>>(argv: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(". ")[0] : String(error);
    throw new LocalError(`${reason}; --help lists the options`);
  }
}

/** The number that an option's text is; throws `LocalError` for any other text. */
export function numberBetween(option: string, text: string, least: number, most: number, whole: boolean): number {
  const value = Number(text);
  if (text === "" || !(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
    throw new LocalError(
      `${option} ${JSON.stringify(text)}: must be a ${whole ? "whole " : ""}number from ${least} to ${most}`,
    );
  }
  return value;
}
