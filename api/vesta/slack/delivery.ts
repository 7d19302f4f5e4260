import type { WaitingMessage } from "../../../store/vesta-messages.ts";
import type { Deliver } from "../messages/deliveries.ts";
import type { OutgoingMessage, Shown } from "../messages/message.ts";
import { Channels } from "./channels.ts";
import { type People, textOf } from "./people.ts";
import type { SlackClient } from "./slack-client.ts";
import { SlackProblem } from "./slack-problem.ts";

/** What messages are delivered by. */
export interface DeliveryParts {
  client: SlackClient;
  people: People;
  hasWebhook: boolean;
  hasBot: boolean;
  /** The text of a file. */
  contentOf: (shown: Shown) => string;
}

type FileMessage = OutgoingMessage & { kind: "file" };

/** The kind of a message's metadata, by which it is found again. */
const EVENT_TYPE = "vesta_message";
const HISTORY_PAGE = "100";

/**
 * Sends messages as Slack wants each kind. A message of the bot that may have arrived already is looked for in its conversation first: Slack keeps the key that
 * each was sent with. The incoming webhook offers nothing of the kind: there a message arrives twice if the answer to the first was lost.
 */
export function slackDelivery(parts: DeliveryParts): Deliver {
  const { client, people, hasWebhook, hasBot } = parts;
  const channels = new Channels(client);

  async function post(
    place: { channel: string; thread?: string },
    text: string,
    row: WaitingMessage,
    signal: AbortSignal,
  ) {
    const hasArrived = (message: unknown): boolean => textOf(payloadOf(message), "key") === row.key;
    if (row.unsure && (await isThere(place, row, hasArrived, signal))) return;
    await client.json(
      "chat.postMessage",
      {
        channel: place.channel,
        ...(place.thread === undefined ? {} : { thread_ts: place.thread }),
        text,
        unfurl_links: false,
        unfurl_media: false,
        metadata: { event_type: EVENT_TYPE, event_payload: { key: row.key } },
      },
      signal,
    );
  }

  async function direct(user: string, text: string, row: WaitingMessage, signal: AbortSignal): Promise<void> {
    const { channel } = await client.json("conversations.open", { users: user }, signal);
    const id = textOf(channel, "id");
    if (id === undefined) throw new SlackProblem("retry", "conversations.open: Slack named no conversation");
    await post({ channel: id }, text, row, signal);
  }

  async function file(message: FileMessage, row: WaitingMessage, signal: AbortSignal): Promise<void> {
    const { title, name, thread, comment } = message;
    const channel = await channels.id(message.channel);
    const place = { channel, ...(thread === undefined ? {} : { thread }) };
    const hasArrived = (found: unknown): boolean =>
      filesOf(found).some((one) => textOf(one, "title") === title && textOf(one, "name") === name);
    if (row.unsure && (await isThere(place, row, hasArrived, signal))) return;
    // Slack takes no file without a byte.
    const bytes = Buffer.from(parts.contentOf(message.content) || "\n");
    const upload = await client.form(
      "files.getUploadURLExternal",
      { filename: name, length: String(bytes.length) },
      signal,
    );
    await client.upload(upload.upload_url, bytes, signal);
    await client.json(
      "files.completeUploadExternal",
      {
        files: [{ id: textOf(upload, "file_id") ?? "", title }],
        channel_id: channel,
        ...(thread === undefined ? {} : { thread_ts: thread }),
        ...(comment === undefined ? {} : { initial_comment: comment }),
      },
      signal,
    );
  }

  /** Whether something that was sent since the message was made is in its conversation. A bot that may not read there cannot know, and sends. */
  async function isThere(
    { channel, thread }: { channel: string; thread?: string },
    { madeAt }: WaitingMessage,
    hasArrived: (message: unknown) => boolean,
    signal: AbortSignal,
  ): Promise<boolean> {
    const oldest = String(Math.floor(madeAt / 1_000) - 60);
    const asked = { channel, oldest, limit: HISTORY_PAGE, include_all_metadata: "true" };
    try {
      const { messages } =
        thread === undefined
          ? await client.form("conversations.history", asked, signal)
          : await client.form("conversations.replies", { ...asked, ts: thread }, signal);
      return Array.isArray(messages) && messages.some(hasArrived);
    } catch (error) {
      if (error instanceof SlackProblem && error.kind === "refused") return false;
      throw error;
    }
  }

  return async (message, row, signal) => {
    if (message.kind === "webhook") {
      if (!hasWebhook) throw new SlackProblem("refused", "there is no webhook any more", { code: "no_webhook" });
      return await client.webhook(message.text, signal);
    }
    if (!hasBot) throw new SlackProblem("refused", "there is no bot any more", { code: "no_bot" });
    switch (message.kind) {
      case "post":
        return await post(message, message.text, row, signal);
      case "direct":
        return await direct(message.user, message.text, row, signal);
      case "person": {
        const user = await people.find(message.to);
        if (user === undefined) throw new SlackProblem("refused", "nobody has that name", { code: "users_not_found" });
        return await direct(user, `<@${user}>\n${message.text}`, row, signal);
      }
      case "file":
        return await file(message, row, signal);
    }
  };
}

function payloadOf(message: unknown): unknown {
  return (message as { metadata?: { event_payload?: unknown } | null } | null)?.metadata?.event_payload;
}

function filesOf(message: unknown): unknown[] {
  const { files } = (message ?? {}) as { files?: unknown };
  return Array.isArray(files) ? files : [];
}
