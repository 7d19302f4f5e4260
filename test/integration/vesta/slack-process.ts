import { OdinProcess } from "../../support/odin-process.ts";
import { BOT_TOKEN, SIGNING_SECRET, type SlackServer, slackSignature } from "../../support/slack-server.ts";

/** The token of machines that these processes take. */
export const MACHINE_TOKEN = "a token of machines";
/** The same as a query has it. */
export const QUERY_TOKEN = MACHINE_TOKEN.replaceAll(" ", "+");

/** Starts an API, as a program of its own, that has the machines of a namespace and speaks to `slack`; `env` goes before what all of these are told. */
export function slackProcess(namespace: string, slack: SlackServer, env: Record<string, string>): OdinProcess {
  return new OdinProcess("api", {
    ODIN_LISTEN: "127.0.0.1:0",
    ODIN_SECRET: "the secret of the program's tests, long enough",
    ODIN_NAMESPACE: namespace,
    MLBENCH_ENABLED: "false",
    // Names the lease of whoever watches, which every test has for itself.
    MLBENCH_KUBE_RELEASENAME: namespace,
    VESTA_SLACK_WEBHOOK: slack.webhookUrl,
    VESTA_SLACK_BOT_TOKEN: BOT_TOKEN,
    VESTA_SLACK_SIGNING_SECRET: SIGNING_SECRET,
    VESTA_SLACK_API_URL: slack.apiUrl,
    VESTA_DOWN_TH: "2",
    VESTA_SERVER_SLEEP_TIME: "0.5",
    VESTA_TOKEN: MACHINE_TOKEN,
    ...env,
  });
}

/** What somebody writes where the bot reads it. */
interface SlackMessage {
  text: string;
  ts: string;
}

/** Tells the bot at a port of a message, as Slack does; returns the status of the answer. */
export async function postEvent(port: number, id: string, message: SlackMessage): Promise<number> {
  const event = { type: "message", channel: "C0000001", user: "U1", ...message };
  const body = JSON.stringify({ type: "event_callback", event_id: id, event });
  const url = `http://127.0.0.1:${port}/notification/slack/events`;
  return (await fetch(url, { method: "POST", body, headers: slackSignature(body) })).status;
}
