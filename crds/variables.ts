import { TextProblem } from "./problem.ts";

/** Variables of a run that task texts may use (O-150). */
export const VARIABLES = [
  "PIPE_ID",
  "ROOT_PATH",
  "WORK_PATH",
  "DATA_PATH",
  "RUN_PATH",
  "TASK_PATH",
  "TASK_ID",
  "TASK_NAME",
  "TASK_IDS",
] as const;
export type Variable = (typeof VARIABLES)[number];

const TOKEN = /\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})?/g;

/**
 * Replaces `$X`, `${X}` and `$$` once, from left to right: a value that holds `$` is not read again (O-150).
 * Throws `TextProblem` for an unknown name or a stray `$`.
 */
export function substituteVariables(text: string, value: (name: Variable) => string): string {
  if (!text.includes("$")) return text;
  return text.replace(
    TOKEN,
    (match, dollar: string | undefined, plain: string | undefined, braced: string | undefined) => {
      if (dollar !== undefined) return "$";
      const name = plain ?? braced;
      if (name === undefined) throw new TextProblem(`stray $ in ${quoted(text)}; write $$ for a dollar sign`);
      if (!isVariable(name)) {
        throw new TextProblem(`unknown variable ${match} in ${quoted(text)}; known are ${VARIABLES.join(", ")}`);
      }
      return value(name);
    },
  );
}

function isVariable(name: string): name is Variable {
  return (VARIABLES as readonly string[]).includes(name);
}

/** A text in quotes for a message, cut to a bound. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}
