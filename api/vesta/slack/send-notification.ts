import { setTimeout as sleep } from "node:timers/promises";
import type { Outbox } from "../messages/outbox.ts";
import { VestaError } from "../vesta-error.ts";
import { type People, textOf } from "./people.ts";
import { SlackProblem } from "./slack-problem.ts";

/** What direct messages are sent with. */
export interface NotificationParts {
  people: People;
  outbox: Outbox;
  /** How long the caller is kept waiting for Slack's word. */
  waitMs?: number;
}

const WAIT_MS = 10_000;
const LOOK_MS = 100;
/** Slack cuts longer texts. */
const MOST_TEXT = 39_000;

/** The direct message that a request asks for; undefined if it asks for none (V-64). */
export function readNotification(body: unknown): { text: string; to: string } | undefined {
  const [text, to] = [textOf(body, "text"), textOf(body, "to")];
  return text === undefined || to === undefined ? undefined : { text, to };
}

/**
 * Sends somebody a direct message (V-64). Resolves when Slack has taken it, and also when Slack cannot be reached for now: then it waits in the queue. `unknown`: nobody has that name. Throws a
 * 500 with Slack's word where Slack refuses.
 */
export async function sendNotification(
  { text, to }: { text: string; to: string },
  { people, outbox, waitMs = WAIT_MS }: NotificationParts,
): Promise<"ok" | "unknown"> {
  if (text.length > MOST_TEXT) throw new VestaError(413, `text has more than ${MOST_TEXT} characters`);
  let user: string | undefined;
  try {
    user = await people.find(to);
    if (user === undefined) return "unknown";
  } catch (error) {
    if (!(error instanceof SlackProblem)) throw error;
    if (error.kind === "refused") throw new VestaError(500, error.code || error.message);
  }
  const key = await outbox.put(
    user === undefined ? { kind: "person", to, text } : { kind: "direct", user, text: `<@${user}>\n${text}` },
  );
  const giveUpAt = performance.now() + (user === undefined ? 0 : waitMs);
  while (true) {
    const outcome = await outbox.state(key);
    if (outcome.state === "refused") throw new VestaError(500, outcome.problem);
    if (outcome.state === "gone" || performance.now() >= giveUpAt) return "ok";
    await sleep(LOOK_MS);
  }
}
