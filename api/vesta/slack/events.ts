import type { OutgoingMessage } from "../messages/message.ts";
import type { Outbox } from "../messages/outbox.ts";
import type { BotTexts } from "./bot-texts.ts";
import type { BotCommand, BotCommands } from "./commands.ts";
import { textOf } from "./people.ts";
import { typedText } from "./slack-text.ts";

/** What the bot answers with. */
export interface BotParts {
  commands: BotCommands;
  texts: BotTexts;
  outbox: Outbox;
}

/** Names of files and titles are cut to so many characters. */
const MOST_NAME = 200;

/**
 * What is said to an event of Slack's (V-60, V-61, V-65), put into the queue once whatever number of times the event comes (V-59); nothing to most events. Rejects with a
 * `StoreProblem` if it could not be put there.
 */
export async function answerEvent(callback: unknown, parts: BotParts): Promise<void> {
  const id = textOf(callback, "event_id");
  if (textOf(callback, "type") !== "event_callback" || id === undefined) return;
  const { event, authorizations } = callback as { event?: unknown; authorizations?: unknown };
  const answer =
    textOf(event, "type") === "member_joined_channel"
      ? greeting(event, botsOf(authorizations), parts)
      : reply(event, parts);
  if (answer !== undefined) await parts.outbox.answerOnce(id, answer);
}

/** Events of people alone are answered: what bots say, ourselves among them, could go on for ever. */
function reply(event: unknown, { commands, texts }: BotParts): OutgoingMessage | undefined {
  const [user, channel, ts] = ["user", "channel", "ts"].map((key) => textOf(event, key));
  if (textOf(event, "type") !== "message" || user === undefined || channel === undefined || ts === undefined)
    return undefined;
  const { subtype, bot_id: bot, files } = event as { subtype?: unknown; bot_id?: unknown; files?: unknown };
  if ([subtype, bot, files].some((value) => value !== undefined && value !== null)) return undefined;
  const command = commands.read(typedText(textOf(event, "text") ?? ""));
  if (command === undefined) return undefined;
  // A thread is named by the message that it begins with.
  const place = channel.startsWith("D") ? { channel } : { channel, thread: textOf(event, "thread_ts") ?? ts };
  return answerTo(command, user, place, texts);
}

function answerTo(
  command: BotCommand,
  user: string,
  place: { channel: string; thread?: string },
  texts: BotTexts,
): OutgoingMessage {
  const comment = `<@${user}>`;
  if (command.ask === "file") {
    const name = [...command.name].slice(0, MOST_NAME).join("");
    return {
      kind: "file",
      ...place,
      title: `response: ${name}`,
      name: `${name}.txt`,
      comment,
      content: command.content,
    };
  }
  const text =
    command.ask === "server" ? texts.server() : command.ask === "help" ? texts.help() : texts.where(command.host);
  return { kind: "post", ...place, text: `${comment}\n${text}` };
}

/** The bot greets who joins a channel that it is in: of no other it hears. */
function greeting(event: unknown, bots: readonly string[], { texts }: BotParts): OutgoingMessage | undefined {
  const [user, channel] = [textOf(event, "user"), textOf(event, "channel")];
  if (user === undefined || channel === undefined || bots.includes(user)) return undefined;
  const text = texts.greeting(user);
  return text === undefined ? undefined : { kind: "post", channel, text };
}

/** Under which ids Slack knows the bot, as each event says. */
function botsOf(authorizations: unknown): string[] {
  const list: unknown[] = Array.isArray(authorizations) ? authorizations : [];
  return list.flatMap((one) =>
    (one as { is_bot?: unknown } | null)?.is_bot === true ? (textOf(one, "user_id") ?? []) : [],
  );
}
