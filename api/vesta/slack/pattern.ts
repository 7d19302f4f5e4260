import { createContext, Script } from "node:vm";

/** A pattern that takes longer than this for one text is one of those that never end. */
const MOST_MS = 100;

/** A regular expression of the settings, with flags in front as they are written elsewhere: `(?i)all`. Throws a `SyntaxError` if it is none. */
export function patternOf(text: string, whole: boolean): RegExp {
  const [prefix = "", flags = ""] = /^\(\?([ims]+)\)/.exec(text) ?? [];
  const source = text.slice(prefix.length).replaceAll("(?P<", "(?<");
  // On its own first: alone it may be none, and yet be one between brackets.
  const alone = new RegExp(source, flags);
  return new RegExp(whole ? `^(?:${alone.source})$` : `^(?:${alone.source})`, flags);
}

/** A pattern was still at work when its time was up. */
export class SlowPattern extends Error {}

const script = new Script("pattern.exec(text)");

/** The match of a pattern, which is ended when it takes too long: throws a `SlowPattern` then. */
export function boundedMatch(pattern: RegExp, text: string, mostMs = MOST_MS): RegExpExecArray | null {
  try {
    // A pattern in a loop listens to nothing but this.
    return script.runInContext(createContext({ pattern, text }), { timeout: mostMs }) as RegExpExecArray | null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") throw new SlowPattern();
    throw error;
  }
}
