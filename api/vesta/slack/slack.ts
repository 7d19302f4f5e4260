import type { RouterContext } from "@koa/router";
import type { Registry } from "prom-client";
import type { Logger } from "../../../kube/logger.ts";
import type { VestaMessages } from "../../../store/vesta-messages.ts";
import type { Host } from "../hosts/host.ts";
import { Deliveries } from "../messages/deliveries.ts";
import { messageMetrics } from "../messages/message-metrics.ts";
import { Outbox } from "../messages/outbox.ts";
import type { VestaRoute } from "../route.ts";
import type { VestaSettings } from "../settings/vesta-settings.ts";
import type { FormatTime } from "../timestamp.ts";
import { BotTexts } from "./bot-texts.ts";
import { BotCommands } from "./commands.ts";
import { slackDelivery } from "./delivery.ts";
import { answerEvent } from "./events.ts";
import { People, textOf } from "./people.ts";
import { DailyReports } from "./report.ts";
import { slackRoutes } from "./routes.ts";
import { SlackClient } from "./slack-client.ts";

/** What vesta speaks to Slack with. */
export interface SlackOptions {
  settings: VestaSettings;
  messages: VestaMessages;
  hosts: { list(): readonly Host[]; find(name: string): Host | undefined };
  formatTime: FormatTime;
  /** Whether this process is the one that speaks to Slack (V-5). */
  isActive: () => boolean;
  requireToken: (ctx: RouterContext) => void;
  logger: Logger;
  registry: Registry;
}

/** Vesta's messages and its bot (V-57 to V-65). */
export interface Slack {
  routes: VestaRoute[];
  start(): void;
  stop(): Promise<void>;
}

/** Wires the parts. Without a webhook and a bot nothing is sent, and nobody is answered. */
export function makeSlack(options: SlackOptions): Slack {
  const { settings, messages, hosts, formatTime, isActive, requireToken, logger, registry } = options;
  const { slack, ip, port, bindHost } = settings;
  const { botToken, signingSecret, apiUrl, webhook } = slack;
  const hasBot = botToken !== "" && signingSecret !== "";
  const hasWebhook = webhook !== "";
  const client = new SlackClient({ apiUrl, webhook, botToken });
  const people = new People(client);
  const texts = new BotTexts({
    ...{ hosts, formatTime, textVersion: settings.textVersion, termWidth: settings.termWidth },
    place: { ip, port: String(port), bindHost },
    ...{ serverInfo: slack.serverInfoMsg, memberJoined: slack.memberJoinedMsg, commands: slack },
  });
  const deliveries = new Deliveries({
    ...{ messages, isActive, logger, metrics: messageMetrics(registry) },
    deliver: slackDelivery({ client, people, hasWebhook, hasBot, contentOf: (shown) => texts.content(shown) }),
  });
  const outbox = new Outbox(messages, () => deliveries.wake());
  const commands = new BotCommands(
    slack,
    (name) => hosts.find(name) !== undefined,
    (pattern) =>
      logger.warn({ pattern }, "a regular expression of the bot takes too long; the message is not looked at"),
  );
  const reports = new DailyReports({
    reports: hasBot ? slack.reports : [],
    channel: slack.channel,
    outbox,
    isActive,
    logger,
  });
  /** What works, and is probably not what was meant. */
  function tellOddities(): void {
    const used = [...(hasBot ? [apiUrl] : []), ...(hasWebhook ? [webhook] : [])];
    if (used.some((address) => new URL(address).protocol !== "https:")) {
      logger.warn({}, "Slack is spoken to without encryption: VESTA_SLACK_WEBHOOK or VESTA_SLACK_API_URL is not https");
    }
    if ((botToken === "") !== (signingSecret === "")) {
      logger.warn({}, "there is no Slack bot: it needs VESTA_SLACK_BOT_TOKEN and VESTA_SLACK_SIGNING_SECRET");
    }
    if (slack.reports.length > 0 && (!hasBot || slack.channel === "")) {
      logger.warn({}, "there are no daily reports: they need a Slack bot and VESTA_SLACK_BOT_POST_CHANNEL");
    }
    if (hasBot) void checkToken();
  }

  async function checkToken(): Promise<void> {
    try {
      const answer = await client.form("auth.test", {});
      logger.info({ bot: textOf(answer, "user"), team: textOf(answer, "team") }, "the Slack bot is known to Slack");
    } catch (error) {
      logger.warn({ err: String(error) }, "the Slack bot's token could not be tried");
    }
  }

  return {
    routes: slackRoutes({
      bot: hasBot
        ? {
            signingSecret,
            answer: (event) => answerEvent(event, { commands, texts, outbox }),
            notifications: { people, outbox },
          }
        : undefined,
      ...{ requireToken, logger },
    }),
    start() {
      if (!hasBot && !hasWebhook) return;
      tellOddities();
      deliveries.start();
      reports.start();
    },
    async stop() {
      await reports.stop();
      await deliveries.stop();
    },
  };
}
