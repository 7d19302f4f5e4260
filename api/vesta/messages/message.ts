/** What a file or a report shows; it is made when it is sent, so that what waits stays small and what arrives is fresh. */
export type Shown = { show: "all" | "table" | "detail" | "hosts" } | { show: "host"; host: string };

/**
 * A message to Slack as it waits in the store (V-57, V-59): never with a token or an address that is a secret.
 * - `webhook`: a text for the incoming webhook;
 * - `post`: a text for a channel, in the thread of a message where one is named;
 * - `direct`: a text for a person, in their direct messages with the bot;
 * - `person`: the same for whoever has that display name or e-mail address, looked up when it is sent;
 * - `file`: a file for a channel, in a thread where one is named; its comment is Slack's text.
 */
export type OutgoingMessage =
  | { kind: "webhook"; text: string }
  | { kind: "post"; channel: string; thread?: string; text: string }
  | { kind: "direct"; user: string; text: string }
  | { kind: "person"; to: string; text: string }
  | {
      kind: "file";
      channel: string;
      thread?: string;
      title: string;
      name: string;
      comment?: string;
      content: Shown;
    };

/** What one after the other is delivered: the messages of one channel or person, and those of the webhook. */
export function targetOf(message: OutgoingMessage): string {
  switch (message.kind) {
    case "webhook":
      return "webhook";
    case "direct":
      return `user ${message.user}`;
    case "person":
      return `person ${message.to}`;
    default:
      return `channel ${message.channel}`;
  }
}
