import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { openStore, type Store } from "../../store/store.ts";
import { auditLogLength, untilLogFollowed } from "../support/audit-log.ts";
import { until, within } from "../support/deadline.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import { send, sendJson } from "../unit/api/served.ts";

const kept = suite("logs that outlive their pods, on a real node");
const WAIT_MS = 120_000;
const PASSWORD = "the root's password";
let namespace: TemporaryNamespace;
let place: TemporaryDirectory;
let store: Store;
let odin: OdinProcess;
let port = 0;
let authorization = "";

async function startOdin(): Promise<void> {
  odin = new OdinProcess("all", {
    ODIN_NAMESPACE: namespace.name,
    ODIN_LISTEN: "127.0.0.1:0",
    ODIN_REPOSITORY: join(place.path, "jobs"),
    ODIN_STORE: join(place.path, "store.db"),
    ODIN_SECRET: "the secret of the end-to-end tests, long enough",
    ODIN_ROOT_USER: "root",
    ODIN_ROOT_PASS: PASSWORD,
    ODIN_LEADER_ELECT: "false",
    ODIN_INSTALL_CRDS: "false",
  });
  await odin.untilSaid('"msg":"ready"');
  port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(odin.output)?.[1]);
}

kept.before(async () => {
  try {
    namespace = await temporaryNamespace("kept-logs");
    place = await temporaryDirectory();
    store = openStore(join(place.path, "store.db"));
    await startOdin();
    const login = await sendJson(port, "POST", "/v1/auth", { username: "root", password: PASSWORD });
    authorization = `Bearer ${login.json.message}`;
  } catch (error) {
    console.error(error, odin?.output);
    throw error;
  }
});
kept.after(async () => {
  await odin?.end("SIGTERM");
  await store?.close();
  await namespace?.remove();
  await place?.remove();
});

const header = (pod: string): string => `================\n${pod}\n----------------\n`;
const log = async (id: string, query = ""): Promise<string> =>
  JSON.parse((await send(port, "GET", `/v1/resources/${id}/logs${query}`)).text) as string;
const untilLog = (id: string, describe: string, accept: (text: string) => boolean): Promise<string> =>
  until(() => log(id), WAIT_MS, { describe: `log of ${id}: ${describe}`, accept });

function task(name: string, script: string, more: Partial<Task> = {}): Task {
  return { name, image: "python:3.11-slim", command: ["sh", "-c", script], ...more };
}

async function create(name: string, ...tasks: Task[]): Promise<Pipeline> {
  await kubectlApply(namespace.name, {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name },
    spec: { tasks },
  });
  return await runOf(name);
}

async function runOf(name: string): Promise<Pipeline> {
  return JSON.parse(await kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "json")) as Pipeline;
}

const untilEnded = (name: string): Promise<Pipeline> =>
  until(() => runOf(name), WAIT_MS, {
    describe: `${name} ends`,
    accept: ({ status }) => status?.completionTime !== undefined,
  });

async function untilNoPods(run: string): Promise<void> {
  await until(
    () => kubectl("get", "pods", "-n", namespace.name, "-l", `odin.io/pipeline=${run}`, "-o", "name"),
    WAIT_MS,
    { describe: `pods of ${run} go`, accept: (names) => names.trim() === "" },
  );
}

/** Waits until the test lets it go on. */
const WAIT_FOR_GO = "until [ -e /tmp/go ]; do sleep 0.1; done";
const letGo = (pod: string): Promise<string> => kubectl("exec", pod, "-n", namespace.name, "--", "touch", "/tmp/go");

/** Says when it was told to stop, as a training that saves a checkpoint does. */
const stoppable = (): Task =>
  task(
    "a",
    `trap 'echo told to stop; ${WAIT_FOR_GO}; echo saved; exit 0' TERM; echo working; while :; do sleep 0.1; done`,
    {
      terminationGracePeriodSeconds: 120,
    },
  );

/** Lets one end that was told to stop behind `from` in the audit log, once its log is followed: its last words go with it. */
async function letSave(pod: string, from: number): Promise<void> {
  await untilLogFollowed(namespace.name, pod, from);
  await letGo(pod);
}

kept("O-225: a finished run's logs are there after its pods were removed", () =>
  within(WAIT_MS * 2, async () => {
    const run = await create(
      "finished",
      task("a", "for i in 1 2 3; do echo line $i; done; echo töne"),
      task("b", "echo second; exit 3", { depends: ["a"] }),
    );
    await untilEnded("finished");
    await until(() => store.logs.ofRun(run.metadata.uid), WAIT_MS, {
      describe: "both are in the store",
      accept: (entries) => entries.filter(({ state }) => state === "whole").length === 2,
    });
    await kubectl("delete", "pods", "-n", namespace.name, "-l", "odin.io/pipeline=finished");
    const first = `${header("finished--a")}line 1\nline 2\nline 3\ntöne`;
    const both = `${first}\n${header("finished--b")}second`;
    await untilLog("finished", "comes from the store", (text) => text === both);
    assert.is(await log("finished--a", "?lines=2"), `${header("finished--a")}line 3\ntöne`);
  }),
);

kept("O-210, O-225: a run that is killed keeps its log, last words included", () =>
  within(WAIT_MS * 2, async () => {
    await create("killed", stoppable());
    await untilLog("killed", "works", (text) => text.endsWith("working"));
    const from = await auditLogLength();
    const answer = await send(port, "DELETE", "/v1/pipelines/killed", { headers: { authorization } });
    assert.is(answer.status, 200, answer.text);
    await letSave("killed--a", from);
    await untilEnded("killed");
    await untilNoPods("killed");
    const all = `${header("killed--a")}working\ntold to stop\nsaved`;
    await untilLog("killed", "is whole", (text) => text === all);
  }),
);

kept("O-225: a pod that somebody else deletes leaves its log", () =>
  within(WAIT_MS * 2, async () => {
    await create("deleted", { ...stoppable(), infrastructureRetries: 0 });
    await untilLog("deleted", "works", (text) => text.endsWith("working"));
    const from = await auditLogLength();
    await kubectl("delete", "pod", "deleted--a", "-n", namespace.name, "--wait=false");
    await letSave("deleted--a", from);
    await untilNoPods("deleted");
    await untilEnded("deleted");
    await untilLog("deleted", "is whole", (text) => text === `${header("deleted--a")}working\ntold to stop\nsaved`);
  }),
);

kept("O-225, O-187: tasks that end while no operator runs are caught up with", () =>
  within(WAIT_MS * 2, async () => {
    const run = await create("alone", task("a", `echo begun; ${WAIT_FOR_GO}; echo done`));
    await untilLog("alone", "begins", (text) => text.endsWith("begun"));
    await odin.end("SIGKILL");
    await letGo("alone--a");
    await until(
      () => kubectl("get", "pod", "alone--a", "-n", namespace.name, "-o", "jsonpath={.status.phase}"),
      WAIT_MS,
      { describe: "the pod ends", accept: (phase) => phase === "Succeeded" },
    );
    await startOdin();
    await untilEnded("alone");
    await until(() => store.logs.ofRun(run.metadata.uid), WAIT_MS, {
      describe: "it is in the store",
      accept: (entries) => entries.some(({ state }) => state === "whole"),
    });
    await kubectl("delete", "pod", "alone--a", "-n", namespace.name);
    await untilLog("alone", "comes from the store", (text) => text === `${header("alone--a")}begun\ndone`);
  }),
);

kept("O-211: what is removed with its record leaves nothing in the store", () =>
  within(WAIT_MS * 2, async () => {
    const run = await create("purged", task("a", "echo secret words"));
    await untilEnded("purged");
    await until(() => store.logs.ofRun(run.metadata.uid), WAIT_MS, {
      describe: "it is in the store",
      accept: (entries) => entries.length === 1,
    });
    await send(port, "DELETE", "/v1/pipelines/purged?db=True", { headers: { authorization } });
    assert.is((await send(port, "GET", "/v1/resources/purged/logs")).status, 404);
    assert.equal(await store.logs.ofRun(run.metadata.uid), []);
  }),
);

kept.run();
