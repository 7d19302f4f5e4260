import { createHmac, timingSafeEqual } from "node:crypto";

/** A request is believed for so long, so that nobody can send it again later. */
const WINDOW_SECONDS = 300;

/** What Slack signs a request with. */
export interface SlackSignature {
  /** `X-Slack-Request-Timestamp`. */
  timestamp: string;
  /** `X-Slack-Signature`. */
  signature: string;
}

/** Whether Slack has sent that body within the last five minutes: version 0 of its signature, over its time and the body as it came (V-59). */
export function isSignedBySlack(
  body: Buffer,
  { timestamp, signature }: SlackSignature,
  secret: string,
  now: () => number = Date.now,
): boolean {
  if (secret === "" || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(now() / 1_000 - Number(timestamp)) > WINDOW_SECONDS) return false;
  const wanted = Buffer.from(
    `v0=${createHmac("sha256", secret).update(`v0:${timestamp}:`).update(body).digest("hex")}`,
  );
  const given = Buffer.from(signature);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
