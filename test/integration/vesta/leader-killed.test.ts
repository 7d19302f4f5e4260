// timeout: 900
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nameOfPostgres } from "../../../store/postgres.ts";
import { until } from "../../support/deadline.ts";
import { kubectl } from "../../support/kubectl.ts";
import type { OdinProcess } from "../../support/odin-process.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { skip } from "../../support/skip.ts";
import { SlackServer } from "../../support/slack-server.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { send, sendJson } from "../../unit/api/served.ts";
import { gpu } from "../../unit/api/vesta/hosts/hosts-stage.ts";
import { postEvent, QUERY_TOKEN, slackProcess } from "./slack-process.ts";

const LONG_MS = 300_000;
/** Questions to the bot; half-way the process that answers is killed. */
const QUESTIONS = 30;

const opened = await PostgresServer.open();
if ("cannot" in opened) skip("file", `no PostgreSQL server: ${opened.cannot}`);
else tests(opened);

function tests(server: PostgresServer): void {
  const test = suite("the leader of vesta, killed");
  const processes: OdinProcess[] = [];
  let namespace: TemporaryNamespace;
  let slack: SlackServer;
  let store = "";

  test.before(async () => {
    try {
      namespace = await temporaryNamespace("vesta-leader");
      slack = await SlackServer.open();
      slack.channels.push({ id: "C0000001", name: "gpus" });
      const location = await server.database();
      store = nameOfPostgres(location).replace(
        "//postgres@",
        `//postgres:${encodeURIComponent(location.password ?? "")}@`,
      );
    } catch (error) {
      console.error(error);
      throw error;
    }
  });
  test.after(async () => {
    for (const process of processes) await process.end("SIGKILL");
    await slack.close();
    await kubectl("delete", "lease", `${namespace.name}-vesta`, "--ignore-not-found");
    await namespace.remove();
    await server.remove();
  });

  /** Starts a replica; its port. */
  async function start(): Promise<{ replica: OdinProcess; port: number }> {
    const replica = slackProcess(namespace.name, slack, { ODIN_STORE: store });
    processes.push(replica);
    await replica.untilSaid('"msg":"ready"');
    return { replica, port: Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(replica.output)?.[1]) };
  }

  /** Tells the bot something, as Slack does: again, until it is taken. */
  async function ask(port: number, number: number): Promise<void> {
    const message = { ts: "17.5", text: `WHERE host-${number}` };
    const post = (): Promise<number> => postEvent(port, `Ev${number}`, message);
    await until(post, LONG_MS, { describe: "the event is taken", accept: (status) => status === 200 });
  }

  const STARTED = "Server has been started.";
  /** What the messages of the webhook about machines are about. */
  const kinds = (): string[] =>
    slack.webhookTexts
      .filter((text) => !text.startsWith(STARTED))
      .map((text) => /`\s*(\w+)\s*`/.exec(text)?.[1] ?? text);
  /** How often a replica has begun to watch. */
  const starts = (): number => slack.webhookTexts.filter((text) => text.startsWith(STARTED)).length;
  const untilTold = async (count: number): Promise<void> => {
    await until(kinds, LONG_MS, { describe: `${count} messages`, accept: (told) => told.length >= count });
  };

  test("V-5, V-57, V-59: the replica that speaks to Slack is killed: the other one takes over, and nothing is lost or said twice", async () => {
    const first = await start();
    await until(starts, LONG_MS, { describe: "it leads", accept: (count) => count > 0 });
    // The lease is held, so this one only answers requests.
    const second = await start();
    const registered = await until(
      () => send(second.port, "GET", `/register/?host_name=lab&token=${QUERY_TOKEN}`),
      LONG_MS,
      {
        describe: "a machine is registered",
        accept: ({ json }) => json.status === "OK",
      },
    );
    await untilTold(2);
    assert.equal(kinds(), ["Uplink", "Down"]);
    // Slack has them a moment before that is noted: whoever comes next would have to say again what is not.
    const waiting = async (): Promise<number> => {
      const [row] = await server.query("SELECT COUNT(*) AS n FROM vesta_message", "test_1");
      return Number(row?.n);
    };
    await until(waiting, LONG_MS, { describe: "it is noted that they arrived", accept: (count) => count === 0 });
    const before = starts();
    for (let number = 0; number < QUESTIONS; number++) {
      await ask(second.port, number);
      if (number === QUESTIONS / 2) await first.replica.end("SIGKILL");
    }
    await until(() => slack.entries.length, LONG_MS, {
      describe: "all answers",
      accept: (count) => count >= QUESTIONS,
    });
    await until(starts, LONG_MS, { describe: "the other one leads", accept: (count) => count > before });
    const { id } = registered.json as { id: string };
    const path = `/update/host/${id}?token=${QUERY_TOKEN}`;
    const post = await sendJson(second.port, "POST", path, { "gpu:0": gpu({ gpu_volatile: 42 }) });
    assert.equal(post.json, { status: "OK", status_code: 200 });
    await untilTold(4);
    assert.equal(kinds(), ["Uplink", "Down", "Up", "Down"]);
    assert.equal(
      slack.entries.map(({ text }) => text),
      Array.from({ length: QUESTIONS }, (_, number) => `<@U1>\nthere is no host name host-${number}`),
    );
  });

  test.run();
}
