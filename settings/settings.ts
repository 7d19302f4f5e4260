import { parseArgs } from "node:util";

/** A wrong setting; the message is one line that names the setting, what was given and what is wanted. */
export class SettingProblem extends Error {}

/** One setting: a flag, and the environment variable that is read where the flag is not given. */
export interface Setting<T> {
  /** Secrets have none: command lines are visible to others. */
  flag?: string;
  env: string;
  /** What it does, for `--help` and the reference page. */
  help: string;
  /** What holds where neither is given; undefined: nothing. */
  fallback?: string;
  /** Turns the text into the value; throws `SettingProblem` saying what is wanted. */
  parse: (text: string) => T;
  /** Its value is never shown. */
  secret?: boolean;
  /** What its flag means without a value. Left out: `true` for one that is `booleanValue`; others need a value. */
  alone?: string;
  /** An empty environment variable is a value of its own, in place of counting as absent. */
  mayBeEmpty?: boolean;
}

/** A setting without a fallback that must be given says so by `required`. */
export type Settings = Record<string, Setting<unknown> & { required?: boolean }>;

type Value<S> = S extends { parse: (text: string) => infer T }
  ? S extends { fallback: string } | { required: true }
    ? T
    : T | undefined
  : never;

/** The values of a group of settings. */
export type Values<S extends Settings> = { [K in keyof S]: Value<S[K]> };

/**
 * Reads the settings from flags, else the environment, else their fallbacks. An empty environment variable counts as absent,
 * unless the setting may be empty.
 * Throws `SettingProblem` for an unknown flag, a missing required setting or a value that does not parse.
 */
export function readSettings<const S extends Settings>(
  settings: S,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Values<S> {
  const given = flagValues(settings, argv);
  const values = Object.entries(settings).map(([key, setting]) => {
    const text =
      (setting.flag === undefined ? undefined : given[setting.flag]) ?? givenBy(env, setting) ?? setting.fallback;
    if (text === undefined) {
      if (setting.required) throw new SettingProblem(`${nameOf(setting)} is needed: ${setting.help}`);
      return [key, undefined];
    }
    return [key, parsed(setting, text)];
  });
  return Object.fromEntries(values) as Values<S>;
}

function givenBy(env: NodeJS.ProcessEnv, { env: name, mayBeEmpty }: Setting<unknown>): string | undefined {
  const text = env[name];
  return text === "" && mayBeEmpty !== true ? undefined : text;
}

function flagValues(settings: Settings, argv: readonly string[]): Record<string, string | undefined> {
  const options = Object.fromEntries(
    Object.values(settings).flatMap(({ flag }) => (flag === undefined ? [] : [[flag, { type: "string" as const }]])),
  );
  try {
    return parseArgs({ args: withValues(settings, argv), options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split(". ");
    throw new SettingProblem(`${reason}; --help lists the flags`);
  }
}

/** The arguments with a value for each flag that stands alone and may: at their end, or before another flag. */
function withValues(settings: Settings, argv: readonly string[]): string[] {
  const alone = new Map(Object.values(settings).map((setting) => [`--${setting.flag}`, aloneOf(setting)]));
  return argv.map((argument, index) => {
    const value = alone.get(argument);
    const isAlone = argv[index + 1]?.startsWith("-") ?? true;
    return value === undefined || !isAlone ? argument : `${argument}=${value}`;
  });
}

function aloneOf({ alone, parse }: Setting<unknown>): string | undefined {
  return alone ?? (parse === booleanValue ? "true" : undefined);
}

function parsed(setting: Setting<unknown>, text: string): unknown {
  return parsedAs(nameOf(setting), setting, text);
}

/** The value of a setting that is called `name` where it was given; throws a `SettingProblem` that names it and says what is wanted. */
export function parsedAs<T>(name: string, setting: Pick<Setting<T>, "parse" | "secret">, text: string): T {
  try {
    return setting.parse(text);
  } catch (error) {
    if (!(error instanceof SettingProblem)) throw error;
    // An address may hold a password all the same.
    const shown = setting.secret ? "" : ` ${JSON.stringify(text.replace(/\/\/.*@/g, "//…@"))}`;
    throw new SettingProblem(`${name}${shown}: ${error.message}`);
  }
}

/** How a setting is named in messages. */
function nameOf({ flag, env }: Setting<unknown>): string {
  return flag === undefined ? env : `--${flag} (${env})`;
}

/** The text of `--help`. */
export function helpText(usage: string, settings: Settings): string {
  const rows = Object.values(settings).map(({ flag, env, help, fallback }) => {
    const value = fallback === undefined || fallback === "" ? "" : ` (default ${oneLine(fallback)})`;
    return `  ${(flag === undefined ? "" : `--${flag}`).padEnd(26)} ${env}\n      ${help}${value}`;
  });
  return `${usage}\n\nSettings; a flag wins over its environment variable, and one that is true or false may stand alone for true:\n${rows.join("\n")}\n`;
}

/** A fallback as pages and `--help` show it. */
export function oneLine(fallback: string): string {
  return fallback.replaceAll("\n", "\\n");
}

/** Any text. */
export function textValue(text: string): string {
  return text;
}

/** A comma-separated list; empty entries are dropped. */
export function listValue(text: string): string[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

/** `true` or `false`, also `1` and `0`. */
export function booleanValue(text: string): boolean {
  if (/^(true|1)$/i.test(text)) return true;
  if (/^(false|0)$/i.test(text)) return false;
  throw new SettingProblem("must be true or false");
}

/** A whole number within bounds. */
export function integerValue(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new SettingProblem(`must be a whole number from ${min} to ${max}`);
    return value;
  };
}

/** One of a few words. */
export function choiceValue<const T extends readonly string[]>(choices: T): (text: string) => T[number] {
  return (text) => {
    if (!choices.includes(text)) throw new SettingProblem(`must be one of ${choices.join(", ")}`);
    return text as T[number];
  };
}

/** `host:port`, `[v6]:port` or `:port`; port 0 takes a free one. */
export function addressValue(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) throw new SettingProblem("must be an address like 0.0.0.0:9003");
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
}

/** An absolute path without `..`, without a slash at the end. */
export function pathValue(text: string): string {
  if (!text.startsWith("/") || text.split("/").includes("..")) throw new SettingProblem("must be an absolute path");
  return text.replace(/\/+$/, "") || "/";
}

/** The absolute path of a file, without `..`. */
export function filePathValue(text: string): string {
  if (text.endsWith("/")) throw new SettingProblem("must be the absolute path of a file");
  return pathValue(text);
}
