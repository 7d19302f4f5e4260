import type { Statement } from "../../../store/sql.ts";
import { messageInsertion, messageInsertionIf } from "../../../store/vesta-messages.ts";
import { escapedForSlack } from "../slack/slack-text.ts";
import { type OutgoingMessage, targetOf } from "./message.ts";
import { withValues } from "./placeholders.ts";
import { type ServerPlace, shownPlace } from "./server-place.ts";

/** What the webhook is told of (V-57). `down` and `re-uplink` are of hosts that had contact before. */
export type VestaEvent = { kind: "server-up" } | { kind: "uplink" | "re-uplink" | "down"; host: string };

/** The texts of those messages and what they name (V-57, V-58); an empty text means no message. */
export interface AnnouncementSettings {
  /** Whether there is a webhook: without one nothing is announced. */
  hasWebhook: boolean;
  serverUp: string;
  uplink: string;
  reUplink: string;
  down: string;
  /** Seconds without a word after which a host is lost. */
  lostSeconds: number;
  place: ServerPlace;
}

/** What a message about an event says; undefined if there is none to be sent. */
export function announcementText(event: VestaEvent, settings: AnnouncementSettings): string | undefined {
  const text = settings.hasWebhook ? textOf(event, settings) : "";
  return text === "" ? undefined : text;
}

function textOf(event: VestaEvent, settings: AnnouncementSettings): string {
  if (event.kind === "server-up") return withValues(settings.serverUp, shownPlace(settings.place));
  const host = escapedForSlack(event.host);
  if (event.kind === "down") {
    const lost = String(settings.lostSeconds);
    return withValues(settings.down, { host_name: host, lost_th: lost }, (index) => [host, lost][index]);
  }
  return withValues(event.kind === "uplink" ? settings.uplink : settings.reUplink, {}, () => host);
}

/**
 * The statements that put the message about an event into the queue, for the transaction that writes what happened: so none is lost, and none is sent of what was
 * not written. `when`: what has to hold as they are carried out, for something to have happened. None where nothing is to be said.
 */
export function messageStatements(
  event: VestaEvent,
  settings: AnnouncementSettings,
  now: () => number = Date.now,
  when?: Statement,
): Statement[] {
  const text = announcementText(event, settings);
  if (text === undefined) return [];
  const message: OutgoingMessage = { kind: "webhook", text };
  const stored = { target: targetOf(message), body: JSON.stringify(message), madeAt: now() };
  return [when === undefined ? messageInsertion(stored) : messageInsertionIf(stored, when)];
}
