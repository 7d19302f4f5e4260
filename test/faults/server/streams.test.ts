// timeout: 300, on demand
import { readFile, writeFile } from "node:fs/promises";
import * as http from "node:http";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until, within } from "../../support/deadline.ts";
import { FakeKubelet } from "../../support/fake-kubelet.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { type Ground, task } from "../ground.ts";
import { faultCase } from "../row.ts";

const streams = suite("streams");
const WRITTEN_MB = 96;
/** What a process may grow by that reads so much and may pass on nothing. */
const GROWTH_MB = 64;
const ANSWER_MS = 60_000;
const FOLLOWED = /follow=true/;

/** A task whose container writes, a facade, and a client that follows its log over HTTP. */
async function followed(ground: Ground, body: (follow: Follow) => Promise<void>): Promise<void> {
  const kubelet = await FakeKubelet.start(ground.client);
  const proxy = await ground.proxy("api");
  await writeFile(ground.file("api"), proxy.kubeConfigText(ground.namespace), { mode: 0o600 });
  const api = new OdinProcess("api", {
    KUBECONFIG: ground.file("api"),
    ODIN_NAMESPACE: ground.namespace,
    ODIN_LISTEN: "127.0.0.1:0",
    ODIN_SECRET: "the secret of the fault suite, long enough",
  });
  const requests: http.ClientRequest[] = [];
  try {
    await ground.start();
    ground.node.direct = () => "wait";
    await ground.create("run", [task("a")]);
    await ground.untilPod("run--a");
    await kubelet.bind(ground.namespace, "run--a");
    kubelet.write("run--a", "first line\n");
    await ground.node.set("run--a", "run");
    await api.untilSaid('"msg":"ready"');
    const port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(api.output)?.[1]);
    const open = async (): Promise<http.IncomingMessage> => {
      const request = http.get({
        host: "127.0.0.1",
        port,
        path: "/v1/resources/run--a/logs?follow=true",
        agent: false,
      });
      requests.push(request);
      request.on("error", () => undefined);
      return await within(ANSWER_MS, () => new Promise((done) => request.on("response", done)));
    };
    await body({ api, kubelet, open, upstream: () => proxy.openStreams(FOLLOWED) });
    kubelet.end("run--a");
    await ground.node.set("run--a", "succeed");
    await ground.untilEnded("run");
  } finally {
    for (const request of requests) request.destroy();
    await api.end("SIGTERM");
    await kubelet.stop();
  }
}

interface Follow {
  api: OdinProcess;
  kubelet: FakeKubelet;
  /** Follows the log as a client of its own. */
  open: () => Promise<http.IncomingMessage>;
  /** How many logs the facade follows at the API server. */
  upstream: () => number;
}

function firstBytes(answer: http.IncomingMessage): Promise<unknown> {
  return within(ANSWER_MS, () => new Promise((done) => answer.once("data", done)));
}

faultCase(streams, "F-42", "twenty clients that follow a log cut their connections", (ground) =>
  followed(ground, async ({ api, open, upstream }) => {
    const answers = await Promise.all(Array.from({ length: 20 }, open));
    for (const answer of answers) {
      assert.is(answer.statusCode, 200);
      await firstBytes(answer);
    }
    await until(() => upstream() === answers.length, 60_000, { describe: "all are followed at the API server" });
    for (const answer of answers) answer.destroy();
    await until(() => upstream() === 0, 60_000, { describe: "nothing is followed any more" });
    assert.ok(api.running);
  }),
);

faultCase(streams, "F-42", "a client that follows a log stops reading", (ground) =>
  followed(ground, async ({ api, kubelet, open, upstream }) => {
    const answer = await open();
    await firstBytes(answer);
    answer.pause();
    const before = await residentMegabytes(api.pid);
    const line = `${"x".repeat(1023)}\n`.repeat(1_024);
    for (let written = 0; written < WRITTEN_MB; written++) {
      kubelet.write("run--a", line);
      await new Promise((done) => setTimeout(done, 20));
    }
    const growth = (await residentMegabytes(api.pid)) - before;
    assert.ok(growth < GROWTH_MB, `the facade grew by ${growth} MB while ${WRITTEN_MB} MB were written`);
    assert.is(upstream(), 1);
    answer.destroy();
    await until(() => upstream() === 0, 60_000, { describe: "nothing is followed any more" });
  }),
);

async function residentMegabytes(pid: number): Promise<number> {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) / 1_024;
}
streams.run();
