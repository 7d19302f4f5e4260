import { request } from "node:http";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until, within } from "../support/deadline.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import { type Answer, send, sendJson } from "../unit/api/served.ts";

const test = suite("runs over REST on a real node");
const WAIT_MS = 120_000;
const PASSWORD = "the root's password";
const IMAGE = "python:3.11-slim";
let namespace: TemporaryNamespace;
let odin: OdinProcess;
let port = 0;
let authorization = "";

test.before(async () => {
  try {
    namespace = await temporaryNamespace("api-run");
    odin = new OdinProcess("all", {
      ODIN_NAMESPACE: namespace.name,
      ODIN_LISTEN: "127.0.0.1:0",
      ODIN_SECRET: "the secret of the end-to-end tests, long enough",
      ODIN_ROOT_USER: "root",
      ODIN_ROOT_PASS: PASSWORD,
      ODIN_LEADER_ELECT: "false",
      ODIN_INSTALL_CRDS: "false",
    });
    await odin.untilSaid('"msg":"ready"');
    port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(odin.output)?.[1]);
    const login = await sendJson(port, "POST", "/v1/auth", { username: "root", password: PASSWORD });
    authorization = `Bearer ${login.json.message}`;
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await odin.end("SIGTERM");
  await namespace.remove();
});

const get = (path: string): Promise<Answer> => send(port, "GET", path);
const log = async (id: string, query = ""): Promise<string> =>
  JSON.parse((await get(`/v1/resources/${id}/logs${query}`)).text) as string;
const header = (pod: string): string => `================\n${pod}\n----------------\n`;

async function applyJob(name: string, ...scripts: [task: string, script: string, depends?: string[]][]): Promise<void> {
  const tasks = scripts.map(([task, script, depends]) => ({
    name: task,
    image: IMAGE,
    command: ["sh", "-c", script],
    ...(depends ? { depends } : {}),
  }));
  await kubectlApply(namespace.name, { apiVersion: "odin.io/v1", kind: "Job", metadata: { name }, spec: { tasks } });
}

async function launch(job: string): Promise<string> {
  const answer = await sendJson(port, "POST", "/v1/pipelines", { pipeline: { job } }, { authorization });
  assert.is(answer.status, 200, answer.text);
  return (answer.json.pipeline as { id: string }).id;
}

interface Shown {
  status: string;
  message?: string;
  tasks: { name: string; status: string }[];
}
const untilRun = (id: string, describe: string, accept: (run: Shown) => boolean): Promise<Shown> =>
  until(async () => (await get(`/v1/pipelines/${id}`)).json.pipeline as Shown, WAIT_MS, {
    describe: `${id}: ${describe}`,
    accept,
  });

/** A streamed answer, as it comes. */
function follow(path: string): { text: () => string; ended: Promise<void>; leave: () => void } {
  let text = "";
  const call = request({ host: "127.0.0.1", port, path, agent: false });
  const ended = new Promise<void>((resolve, reject) => {
    call.on("response", (response) => {
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", resolve);
      response.on("error", reject);
    });
    call.on("error", reject);
  });
  // A caller that leaves gets an error; only who awaits the end minds.
  ended.catch(() => undefined);
  call.end();
  return { text: () => text, ended, leave: () => call.destroy() };
}

test("O-223, O-289: the logs of a run, of a task, of its last lines; kubelet's events beside ours", () =>
  within(WAIT_MS * 2, async () => {
    await applyJob(
      "talk",
      ["first", "for i in 1 2 3; do echo line $i; done; echo töne"],
      ["second", "echo and the second", ["first"]],
    );
    const id = await launch("talk");
    await untilRun(id, "is done", ({ status }) => status === "DONE");
    const first = "line 1\nline 2\nline 3\ntöne";
    const both = `${header(`${id}--first`)}${first}\n${header(`${id}--second`)}and the second`;
    // Of the pods the API hears on another way than of the run.
    await until(() => log(id), WAIT_MS, { describe: "the logs of both", accept: (text) => text === both });
    assert.is(await log(`${id}--first`), header(`${id}--first`) + first);
    assert.is(await log(`${id}--first`, "?lines=2"), `${header(`${id}--first`)}line 3\ntöne`);
    assert.match(await log(`${id}--first`, "?container=nope"), /\(no log: .*container nope is not valid/);
    const shown = async (): Promise<{ source: string; reason: string }[]> =>
      (await get(`/v1/resources/${id}--first/events`)).json.events as { source: string; reason: string }[];
    // The kubelet sends its events apart from the states of its pods, and they may come later.
    const events = await until(shown, WAIT_MS, {
      describe: "the kubelet's event is shown",
      accept: (all) => all.some(({ source, reason }) => source.startsWith("kubelet,") && reason === "Started"),
    });
    assert.ok(events.some(({ source }) => source === "odin"));
  }));

test("O-224: a log is followed from before the task starts until the run ends, line by line", () =>
  within(WAIT_MS * 2, async () => {
    await applyJob(
      "slow",
      ["a", "echo a begins; while [ ! -e /tmp/go ]; do sleep 0.2; done; echo a ends"],
      ["b", "echo b speaks", ["a"]],
    );
    const id = await launch("slow");
    const whole = follow(`/v1/resources/${id}/logs?follow=true`);
    const b = follow(`/v1/resources/${id}--b/logs?follow=true`);
    await until(() => whole.text().includes("a begins\n"), WAIT_MS, {
      describe: "the first line arrives while the task runs",
    });
    assert.is(b.text(), "");
    assert.not.ok(whole.text().includes("a ends"));
    await kubectl("exec", "-n", namespace.name, `${id}--a`, "--", "touch", "/tmp/go");
    await Promise.all([whole.ended, b.ended]);
    assert.is(whole.text(), `${header(`${id}--a`)}a begins\na ends\n\n${header(`${id}--b`)}b speaks\n`);
    assert.is(b.text(), `${header(`${id}--b`)}b speaks\n`);
  }));

test("O-224, O-210: a caller that leaves is let go; a kill over REST ends those who stay", () =>
  within(WAIT_MS * 2, async () => {
    await applyJob("endless", ["a", "trap 'exit 1' TERM; while true; do echo tick; sleep 0.2; done"]);
    const id = await launch("endless");
    const leaving = follow(`/v1/resources/${id}/logs?follow=true`);
    const staying = follow(`/v1/resources/${id}/logs?follow=true`);
    await until(() => leaving.text().includes("tick") && staying.text().includes("tick"), WAIT_MS, {
      describe: "both see the log",
    });
    leaving.leave();
    await until(() => /"path":"[^"]*logs".*"cut":true/.test(odin.output), WAIT_MS, {
      describe: "the server has noticed",
    });
    const answer = await send(port, "DELETE", `/v1/pipelines/${id}`, { headers: { authorization } });
    assert.equal(
      (answer.json.cleanups as { cleanedFromK8s: string }[]).map(({ cleanedFromK8s }) => cleanedFromK8s),
      ["No", "Yes"],
    );
    const run = await untilRun(id, "is terminated", ({ status }) => status === "TERMINATED");
    assert.is(run.message, "cancelled by root");
    await staying.ended;
    const gone = await until(() => log(id), WAIT_MS, {
      describe: "the pod is gone",
      accept: (text) => text.includes("gone"),
    });
    assert.is(gone, `${header(`${id}--a`)}(the log is gone: the pod was deleted)`);
  }));

test("O-223: of a log larger than 5 MiB the newest is kept", () =>
  within(WAIT_MS * 2, async () => {
    await applyJob("loud", [
      "a",
      "i=0; while [ $i -lt 7 ]; do head -c 1000000 /dev/zero | tr '\\0' x | fold -w 100; i=$((i+1)); done; echo; echo the end",
    ]);
    const id = await launch("loud");
    await untilRun(id, "is done", ({ status }) => status === "DONE");
    const text = await log(id);
    assert.ok(text.length <= 5 * 1024 * 1024 + 200 && text.length > 4 * 1024 * 1024, String(text.length));
    assert.match(text.slice(-20), /the end$/);
    assert.match(text.slice(0, 200), new RegExp(`^${header(`${id}--a`)}x{100}\n`));
  }));

test.run();
