import type { RouterContext } from "@koa/router";
import type { Logger } from "../../../kube/logger.ts";
import { StoreProblem } from "../../../store/store-problem.ts";
import { bodyBytes } from "../../body-bytes.ts";
import { ByteBudget } from "../../byte-budget.ts";
import { replyJson } from "../reply.ts";
import type { VestaRoute } from "../route.ts";
import { notFound, unavailable, VestaError } from "../vesta-error.ts";
import type { NotificationParts } from "./send-notification.ts";
import { readNotification, sendNotification } from "./send-notification.ts";
import { isSignedBySlack } from "./signature.ts";

/** What the routes of the bot work with; the parts are undefined where there is no bot. */
export interface SlackRouteParts {
  bot:
    | { signingSecret: string; answer: (callback: unknown) => Promise<void>; notifications: NotificationParts }
    | undefined;
  /** Throws where the token is not the one of the settings (V-22). */
  requireToken: (ctx: RouterContext) => void;
  logger: Logger;
}

/** An event has a message of 40,000 characters at most, which may be several bytes and escaped. */
const MOST_EVENT_BYTES = 1024 * 1024;
const MOST_TOGETHER = 32 * 1024 * 1024;
/** Slack waits for 3 s (V-59). */
const ANSWER_MS = 2_000;

/** The routes that Slack calls, and those that send to it. */
export function slackRoutes(parts: SlackRouteParts): VestaRoute[] {
  const budget = new ByteBudget(MOST_TOGETHER);
  const limits = {
    most: MOST_EVENT_BYTES,
    budget,
    tooLarge: (size: string) => new VestaError(413, `the body has ${size}; the most is ${MOST_EVENT_BYTES} bytes`),
    busy: () => unavailable("too much is being sent; try again in a moment"),
  };
  return [
    {
      path: "/notification/slack/events",
      guard: "none",
      methods: { POST: async (ctx) => await takeEvent(ctx, await bodyBytes(ctx, limits), parts) },
    },
    {
      path: "/notification/send_notification/slack",
      guard: "list",
      alwaysOk: true,
      methods: { POST: async (ctx) => await notify(ctx, () => bodyBytes(ctx, limits), parts) },
    },
  ];
}

async function takeEvent(ctx: RouterContext, body: Buffer, { bot, logger }: SlackRouteParts): Promise<void> {
  if (bot === undefined) throw notFound();
  const signature = { timestamp: ctx.get("X-Slack-Request-Timestamp"), signature: ctx.get("X-Slack-Signature") };
  if (!isSignedBySlack(body, signature, bot.signingSecret)) {
    throw new VestaError(
      401,
      "not signed by Slack with the secret of SLACK_SIGNING_SECRET, or more than five minutes ago",
    );
  }
  const event = parsed(body) as { type?: unknown; challenge?: unknown } | undefined;
  if (event?.type === "url_verification") return replyJson(ctx, { challenge: event.challenge });
  const work = bot.answer(event).catch((error: unknown) => {
    logger.error({ err: String(error) }, "an event of Slack's could not be answered");
    // Slack would only meet a fault of ours again.
    return error instanceof StoreProblem && error.kind !== "internal" ? error : undefined;
  });
  let timer: NodeJS.Timeout | undefined;
  const isLate = new Promise<"late">((late) => (timer = setTimeout(late, ANSWER_MS, "late")));
  const problem = await Promise.race([work, isLate]);
  clearTimeout(timer);
  // What is not stored yet would be lost with this process. Slack sends it again, and the same event is acted on once.
  if (problem !== undefined) throw unavailable("the event could not be stored; send it again");
  replyJson(ctx, {});
}

async function notify(
  ctx: RouterContext,
  body: () => Promise<Buffer>,
  { bot, requireToken }: SlackRouteParts,
): Promise<void> {
  requireToken(ctx);
  const asked = readNotification(parsed(await body()));
  if (asked === undefined) {
    return replyJson(ctx, { status: "ERROR", status_code: 400, info: "you need a valid json data" });
  }
  if (bot === undefined) throw unavailable("no slack bot");
  const outcome = await sendNotification(asked, bot.notifications);
  if (outcome === "ok") return replyJson(ctx, { status_code: 200, status: "OK", message: "" });
  replyJson(ctx, { status_code: 400, status: "ERROR", message: "unkown user name" });
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
