import type { SlackAnswer, SlackClient } from "./slack-client.ts";
import { SlackProblem } from "./slack-problem.ts";

/** People per request: Slack advises no more than 200. */
const PAGE = "200";
/** Pages that are read at most. */
const MOST_PAGES = 500;
/** A list of people is believed for so long; who is not in it is looked for in a new one after a shorter while. */
const FRESH_MS = 10 * 60_000;
const RECENT_MS = 60_000;

/** Finds the people of a workspace (V-64). */
export class People {
  readonly #client: SlackClient;
  readonly #now: () => number;
  #list: Promise<ReadonlyMap<string, string>> | undefined;
  #listedAt = Number.NEGATIVE_INFINITY;

  constructor(client: SlackClient, now: () => number = Date.now) {
    this.#client = client;
    this.#now = now;
  }

  /** The id of whoever has that e-mail address or display name; undefined: nobody. Rejects with a `SlackProblem`. */
  async find(to: string): Promise<string | undefined> {
    if (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(to)) {
      const found = await this.#byEmail(to);
      if (found !== undefined) return found;
    }
    const known = await this.#names(FRESH_MS);
    return known.get(to) ?? (await this.#names(RECENT_MS)).get(to);
  }

  async #byEmail(email: string): Promise<string | undefined> {
    try {
      const { user } = await this.#client.form("users.lookupByEmail", { email });
      return textOf(user, "id");
    } catch (error) {
      if (error instanceof SlackProblem && error.code === "users_not_found") return undefined;
      throw error;
    }
  }

  #names(freshMs: number): Promise<ReadonlyMap<string, string>> {
    if (this.#list !== undefined && this.#now() - this.#listedAt < freshMs) return this.#list;
    const list = this.#read();
    this.#list = list;
    this.#listedAt = this.#now();
    list.catch(() => {
      if (this.#list === list) this.#list = undefined;
    });
    return list;
  }

  /** Ids by name: display names first, then the full names of those who have no other. Of two with one name the first is meant. */
  async #read(): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>();
    const fullNames = new Map<string, string>();
    let cursor = "";
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const answer = await this.#client.form("users.list", { limit: PAGE, ...(cursor === "" ? {} : { cursor }) });
      for (const member of Array.isArray(answer.members) ? answer.members : []) note(member, names, fullNames);
      cursor = nextCursor(answer);
      if (cursor === "") break;
    }
    for (const [name, id] of fullNames) if (!names.has(name)) names.set(name, id);
    return names;
  }
}

function note(member: unknown, names: Map<string, string>, fullNames: Map<string, string>): void {
  const id = textOf(member, "id");
  const { deleted, is_bot: isBot, profile } = (member ?? {}) as Record<string, unknown>;
  if (id === undefined || deleted === true || isBot === true) return;
  const display = textOf(profile, "display_name");
  const full = textOf(profile, "real_name");
  if (display !== undefined && !names.has(display)) names.set(display, id);
  if (full !== undefined && !fullNames.has(full)) fullNames.set(full, id);
}

/** Where the next page of a list begins; `""`: this is the last. */
export function nextCursor(answer: SlackAnswer): string {
  return textOf(answer.response_metadata, "next_cursor") ?? "";
}

/** A text of an object of Slack's; undefined if it has none there, or an empty one. */
export function textOf(object: unknown, key: string): string | undefined {
  if (typeof object !== "object" || object === null) return undefined;
  const value = (object as Record<string, unknown>)[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}
