import { integerValue, type Setting, SettingProblem } from "../../../settings/settings.ts";
import { patternOf } from "../slack/pattern.ts";

/** An option of vesta: its key in capitals, as the settings file spells it, names the flag and the environment variable too (V-68). */
export type VestaOption<T> = Setting<T> & { flag: string; fallback: string };

/** An option whose text is parsed. */
export function option<T>(key: string, fallback: string, help: string, parse: (text: string) => T): VestaOption<T> {
  return { flag: `vesta-${key.toLowerCase()}`, env: `VESTA_${key}`, fallback, help, parse };
}

/** An option that is any text, also an empty one. */
export function text(key: string, fallback: string, help: string): VestaOption<string> {
  return { ...option(key, fallback, help, (value) => value), mayBeEmpty: true };
}

/** An option whose value is never shown. */
export function secret(key: string, fallback: string, help: string): VestaOption<string> {
  return { ...text(key, fallback, help), secret: true };
}

/** An option that is a whole number within bounds. */
export function integer(key: string, fallback: number, help: string, min: number, max: number): VestaOption<number> {
  return option(key, String(fallback), help, integerValue(min, max));
}

/** An option that is a number of seconds, which may have a fraction. */
export function seconds(key: string, fallback: number, help: string, min: number, max: number): VestaOption<number> {
  return option(key, String(fallback), help, (value) => {
    const number = Number(value);
    if (!/^\d+(\.\d+)?$/.test(value) || number < min || number > max)
      throw new SettingProblem(`must be a number of seconds from ${min} to ${max}`);
    return number;
  });
}

/** An option that means nothing here, and is taken so that an existing installation starts. */
export function withoutEffect(key: string): VestaOption<string> {
  return text(key, "", "Taken from existing installations, and without effect.");
}

/** A regular expression as text; throws a `SettingProblem` if it is none. */
export function patternValue(value: string): string {
  try {
    patternOf(value, true);
    return value;
  } catch (error) {
    throw new SettingProblem(`must be a regular expression (${(error as Error).message})`);
  }
}
