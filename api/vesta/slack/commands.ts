import type { Shown } from "../messages/message.ts";
import { boundedMatch, patternOf, SlowPattern } from "./pattern.ts";

/** What the bot is asked for (V-61). `name` is the text that was matched. */
export type BotCommand =
  | { ask: "file"; content: Shown; name: string }
  | { ask: "server" }
  | { ask: "where"; host: string }
  | { ask: "help" };

/** The regular expressions by which the bot is asked; an empty one disables its command (V-60). */
export interface BotKeywords {
  commandPrefix: string;
  keywords: { all: string; allCmd: string; allDetail: string; hosts: string; where: string; help: string };
}

/** Longer texts are no commands: a keyword with a host's name fits in several times. */
const MOST_CHARACTERS = 1_000;

interface Keyword {
  pattern: RegExp;
  command: (name: string) => BotCommand;
}

/** Tells what a message asks for; undefined if nothing, to which the answer is silence (V-60). */
export class BotCommands {
  readonly #prefix: RegExp;
  /** What is looked for before the names of hosts, and after them. */
  readonly #before: readonly Keyword[];
  readonly #after: readonly Keyword[];
  readonly #where: readonly Keyword[];
  readonly #help: readonly Keyword[];
  readonly #isHost: (name: string) => boolean;
  readonly #tellSlow: (pattern: string) => void;

  /** `isHost`: whether a host is found under that name (V-9). `tellSlow` is told of a pattern that did not end. */
  constructor(
    { commandPrefix, keywords }: BotKeywords,
    isHost: (name: string) => boolean,
    tellSlow: (pattern: string) => void,
  ) {
    const file =
      (show: "all" | "table" | "detail" | "hosts") =>
      (name: string): BotCommand => ({ ask: "file", content: { show }, name });
    this.#prefix = patternOf(commandPrefix, false);
    this.#where = keyword(keywords.where, () => ({ ask: "server" }));
    this.#before = keyword(keywords.all, file("all"));
    this.#after = [
      ...keyword(keywords.allCmd, file("table")),
      ...keyword(keywords.allDetail, file("detail")),
      ...keyword(keywords.hosts, file("hosts")),
    ];
    this.#help = keyword(keywords.help, () => ({ ask: "help" }));
    this.#isHost = isHost;
    this.#tellSlow = tellSlow;
  }

  /** What the text of a message asks for, as it was typed. */
  read(text: string): BotCommand | undefined {
    if (text.length > MOST_CHARACTERS) return undefined;
    const prefix = this.#match(this.#prefix, text);
    const name = text.slice(prefix?.length ?? 0).trim();
    if (prefix === undefined || name === "") return undefined;
    return (
      this.#asked(this.#before, name) ??
      this.#hostNamed(name) ??
      this.#asked(this.#after, name) ??
      this.#asked(this.#where, name) ??
      this.#hostAsked(name) ??
      this.#asked(this.#help, name)
    );
  }

  #asked(keywords: readonly Keyword[], name: string): BotCommand | undefined {
    return keywords.find(({ pattern }) => this.#match(pattern, name) !== undefined)?.command(name);
  }

  #hostNamed(name: string): BotCommand | undefined {
    return this.#isHost(name) ? { ask: "file", content: { show: "host", host: name }, name } : undefined;
  }

  /** The last word of a text, of which what comes before asks where something is. */
  #hostAsked(text: string): BotCommand | undefined {
    const end = text.search(/\s\S+$/);
    if (end < 0 || this.#asked(this.#where, text.slice(0, end).trim()) === undefined) return undefined;
    return { ask: "where", host: text.slice(end).trim() };
  }

  #match(pattern: RegExp, text: string): string | undefined {
    try {
      return boundedMatch(pattern, text)?.[0];
    } catch (error) {
      if (!(error instanceof SlowPattern)) throw error;
      this.#tellSlow(pattern.source);
      return undefined;
    }
  }
}

/** None where the keyword is disabled. */
function keyword(text: string, command: (name: string) => BotCommand): Keyword[] {
  return text === "" ? [] : [{ pattern: patternOf(text, true), command }];
}
