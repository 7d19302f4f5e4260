import type { Host } from "../hosts/host.ts";
import type { Shown } from "../messages/message.ts";
import { withValues } from "../messages/placeholders.ts";
import { type ServerPlace, shownPlace } from "../messages/server-place.ts";
import type { TextVersion } from "../settings/vesta-settings.ts";
import { detailSheet } from "../texts/detail.ts";
import { latestView } from "../texts/host-view.ts";
import { sheetText } from "../texts/sheet.ts";
import { hostInfo, hostSummary } from "../texts/summary.ts";
import { tableBody } from "../texts/table.ts";
import type { FormatTime } from "../timestamp.ts";
import type { BotKeywords } from "./commands.ts";
import { escapedForSlack } from "./slack-text.ts";

/** What the bot's texts are made of. */
export interface BotTextParts {
  /** Hosts in display order, and one by its name (V-9). */
  hosts: { list(): readonly Host[]; find(name: string): Host | undefined };
  formatTime: FormatTime;
  textVersion: TextVersion;
  termWidth: number;
  place: ServerPlace;
  serverInfo: string;
  memberJoined: string;
  commands: BotKeywords;
}

const HOST_NAME = "<host_name>";

/** What the bot says (V-61 to V-65). Texts of files are as they are; those of messages are Slack's, in which nothing of anybody else's has a meaning. */
export class BotTexts {
  readonly #parts: BotTextParts;

  constructor(parts: BotTextParts) {
    this.#parts = parts;
  }

  /** The text of a file. A host that has gone meanwhile is nothing. */
  content(shown: Shown): string {
    const { hosts, formatTime, textVersion: version, termWidth: width } = this.#parts;
    if (shown.show === "host") {
      const host = hosts.find(shown.host);
      return host === undefined ? "" : hostSummary(latestView(host, formatTime), version);
    }
    const views = hosts.list().map((host) => latestView(host, formatTime));
    switch (shown.show) {
      case "all":
        return views.map((view) => `${hostSummary(view, version)}\n`).join("");
      case "table":
        return `vesta ver. ${version}\n${sheetText(tableBody(), views)}`;
      case "detail":
        return sheetText(detailSheet({ version, width }), views);
      case "hosts":
        return views.map(({ name }) => `${name}\n`).join("");
    }
  }

  /** Where the server is. */
  server(): string {
    const { serverInfo, place } = this.#parts;
    const values = shownPlace(place);
    const rows = [
      ["IP address", values.ip],
      ["open port", values.port],
      ["bind host", values.bind_host],
    ];
    const lines = rows.map(([name, value]) => `${name}: \`${value}\``);
    return codeBlock(`server message: ${withValues(serverInfo, values)}\n\n${lines.join("\n")}`);
  }

  /** Where a host is. */
  where(name: string): string {
    const { hosts, formatTime } = this.#parts;
    const host = hosts.find(name);
    if (host === undefined) return escapedForSlack(`there is no host name ${name}`);
    return codeBlock(escapedForSlack(hostInfo(latestView(host, formatTime)).trimEnd()));
  }

  /** The commands that are enabled. */
  help(): string {
    const { commandPrefix, keywords } = this.#parts.commands;
    const rows: [keyword: string, text: string][] = [
      [keywords.hosts, "show all hosts which is watched by the server."],
      [keywords.all, "show all hosts statuses."],
      [keywords.allCmd, "show all hosts statuses in style of command line."],
      [keywords.allDetail, "show all hosts statuses in detail."],
      [HOST_NAME, "show host statuses in detail."],
      [keywords.where, "show server information."],
      [keywords.where === "" ? "" : `${keywords.where} ${HOST_NAME}`, `show information of ${HOST_NAME}.`],
      [keywords.help, "show this message."],
    ];
    const lines = rows
      .filter(([keyword]) => keyword !== "")
      .map(([keyword, text]) => `\`${commandPrefix}${keyword}\`: ${text}`);
    return escapedForSlack(lines.join("\n"));
  }

  /** The greeting of who has joined the bot's channel; undefined if there is none. */
  greeting(user: string): string | undefined {
    const { memberJoined } = this.#parts;
    return memberJoined === "" ? undefined : withValues(memberJoined, { user: `<@${user}>`, help_msg: this.help() });
  }
}

function codeBlock(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``;
}
