import { type Setting, SettingProblem } from "../../../settings/settings.ts";
import { option, patternValue, secret, text, withoutEffect } from "./option.ts";
import { scheduleValue } from "./schedule.ts";

const UP = "\u2b06\ufe0e".repeat(3);
const DOWN = "\u2b07\ufe0e".repeat(3);

/** Options of vesta's messages and its bot (V-57 to V-65, V-68). */
export const SLACK_OPTIONS = {
  vestaSlackWebhook: {
    ...option(
      "SLACK_WEBHOOK",
      "",
      "Address of Slack's that messages about hosts are posted to; none: there are none.",
      urlValue,
    ),
    ...{ secret: true, mayBeEmpty: true },
  },
  vestaSlackBotToken: secret(
    "SLACK_BOT_TOKEN",
    "",
    "Token of the Slack bot; it answers if there is a signing secret too.",
  ),
  vestaSlackSigningSecret: secret(
    "SLACK_SIGNING_SECRET",
    "",
    "Secret with which Slack signs what it sends to the bot.",
  ),
  vestaSlackBotPostChannel: text("SLACK_BOT_POST_CHANNEL", "", "Channel of the bot, for reports and greetings."),
  vestaSlackApiUrl: option("SLACK_API_URL", "https://slack.com/api", "Where Slack's API is.", urlValue),
  vestaServerUpMsg: text(
    "SERVER_UP_MSG",
    "Server has been started.\nCheck `{ip}:{port}/` (bind : `{bind_host}`)",
    "Message when an instance begins to watch; empty: none.",
  ),
  vestaRegisterUplinkMsg: text(
    "REGISTER_UPLINK_MSG",
    `${UP} \`Uplink\` Detected - New uplink from \`{}\`. Hello!`,
    "Message about a new host; `{}` is its name. Empty: none.",
  ),
  vestaReUplinkMsg: text(
    "RE_UPLINK_MSG",
    `${UP} \`  Up  \` Detected - Uplink from \`{}\`. Welcome back!`,
    "Message about a host that is back; `{}` is its name. Empty: none.",
  ),
  vestaHostDownMsg: text(
    "HOST_DOWN_MSG",
    `${DOWN} \` Down \` Detected - Connection from \`{host_name}\` has been lost more than {lost_th} sec. Check network and machine.`,
    "Message about a host that is lost; a first `{}` is its name, a second the seconds. Empty: none.",
  ),
  vestaMemberJoinedMsg: text(
    "SLACKBOT_MEMBER_JOINED_CHANNEL_MSG",
    "Hi {user}!\nYou can intract with me by\n{help_msg}",
    "Greeting to who joins the bot's channel; empty: none.",
  ),
  vestaServerInfoMsg: text(
    "SERVER_INFO_MSG",
    "runing on `{ip}:{port}/` (bind : `{bind_host}`)",
    "What the bot says of the server.",
  ),
  vestaCommandPrefix: option(
    "KEYWORD_CMD_PREFIX",
    "",
    "Regular expression that messages to the bot begin with.",
    patternValue,
  ),
  vestaKeywordAll: keyword("ALL_HOSTS", "ALL", "the state of all hosts"),
  vestaKeywordAllCmd: keyword("ALL_HOSTS_CMD", "ALL_cmd", "the table of all GPUs"),
  vestaKeywordAllDetail: keyword("ALL_HOSTS_DETAIL", "ALL_detail", "all GPUs in detail"),
  vestaKeywordHosts: keyword("HOSTS", "HOSTS", "the names of the hosts"),
  vestaKeywordHostInfo: keyword("HOST_INFO", "WHERE", "the server, or a host that follows"),
  vestaKeywordHelp: keyword("HELP", "HELP", "its commands"),
  vestaScheduleReport: option(
    "SCHEDULE_REPORT",
    "[]",
    'Daily reports to the bot\'s channel, in JSON: `[{"at": "09:00", "title": "GPUs"}]`.',
    scheduleValue,
  ),
  vestaSlackBotSleepTime: withoutEffect("SLACK_BOT_SLEEP_TIME"),
  vestaScheduleFunction: text(
    "SCHEDULE_FUNCTION",
    "",
    "Python statements of existing installations: reported, and never run; `--vesta-schedule_report` is in their place.",
  ),
} as const satisfies Record<string, Setting<unknown>>;

function keyword(key: string, fallback: string, what: string): Setting<string> & { flag: string; fallback: string } {
  const help = `Regular expression of the whole message by which the bot is asked for ${what}; empty: it is not.`;
  return { ...option(`KEYWORD_PRINT_${key}`, fallback, help, patternValue), mayBeEmpty: true };
}

/** Nothing, or the address of a web server; without a slash at its end. */
function urlValue(value: string): string {
  if (value !== "" && !(/^https?:\/\//.test(value) && URL.canParse(value)))
    throw new SettingProblem("must be an address like https://slack.example.org/api");
  return value.replace(/\/+$/, "");
}
