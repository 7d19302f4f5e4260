import { nextCursor, textOf } from "./people.ts";
import type { SlackClient } from "./slack-client.ts";
import { SlackProblem } from "./slack-problem.ts";

const PAGE = "200";
const MOST_PAGES = 500;

/** Finds the ids of channels, which files are shared by. */
export class Channels {
  readonly #client: SlackClient;
  readonly #ids = new Map<string, string>();

  constructor(client: SlackClient) {
    this.#client = client;
  }

  /** The id of a channel that is named by its id, or by its name with or without `#`. Rejects with a `SlackProblem`. */
  async id(channel: string): Promise<string> {
    if (/^[CGD][A-Z0-9]+$/.test(channel)) return channel;
    const name = channel.replace(/^#/, "");
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    let cursor = "";
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const answer = await this.#client.form("conversations.list", {
        types: "public_channel,private_channel",
        exclude_archived: "true",
        limit: PAGE,
        ...(cursor === "" ? {} : { cursor }),
      });
      for (const one of Array.isArray(answer.channels) ? answer.channels : []) {
        const id = textOf(one, "id");
        if (id === undefined || textOf(one, "name") !== name) continue;
        this.#ids.set(name, id);
        return id;
      }
      cursor = nextCursor(answer);
      if (cursor === "") break;
    }
    throw new SlackProblem("refused", `there is no channel ${name} that the bot can see`, {
      code: "channel_not_found",
    });
  }
}
