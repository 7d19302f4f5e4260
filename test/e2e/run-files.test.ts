import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadImages } from "../../local/node-images.ts";
import { productImage } from "../../local/product-image.ts";
import { streamProgress } from "../../local/progress.ts";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { until, within } from "../support/deadline.ts";
import { kubectlApply, testVariable } from "../support/kubectl.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import { type Answer, send, sendJson } from "../unit/api/served.ts";

const files = suite("what runs wrote is removed from real claims");
const WAIT_MS = 180_000;
const PASSWORD = "the root's password";
const CLAIM = "data-rw-many";
let namespace: TemporaryNamespace;
let odin: OdinProcess;
let port = 0;
let authorization = "";
/** The claim's directory on this machine. */
let claim: string;

files.before(async () => {
  try {
    namespace = await temporaryNamespace("run-files");
    claim = await createSharedVolume(testVariable("KUBECONFIG"), namespace.name, CLAIM);
    const image = await productImage(streamProgress());
    await loadImages(dirname(testVariable("KUBECONFIG")), [image.archive]);
    odin = new OdinProcess("all", {
      ODIN_NAMESPACE: namespace.name,
      ODIN_LISTEN: "127.0.0.1:0",
      ODIN_SECRET: "the secret of the end-to-end tests, long enough",
      ODIN_ROOT_USER: "root",
      ODIN_ROOT_PASS: PASSWORD,
      ODIN_LEADER_ELECT: "false",
      ODIN_INSTALL_CRDS: "false",
      ODIN_STORE: "none",
      ODIN_IMAGE: image.name,
    });
    await odin.untilSaid('"msg":"ready"');
    port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(odin.output)?.[1]);
    const login = await sendJson(port, "POST", "/v1/auth", { username: "root", password: PASSWORD });
    authorization = `Bearer ${login.json.message}`;
  } catch (error) {
    console.error(error, odin?.output);
    throw error;
  }
});
files.after(async () => {
  await odin.end("SIGTERM");
  await namespace.remove();
});

const get = (path: string): Promise<Answer> => send(port, "GET", path);

/** Starts a run whose task writes below RUN_PATH as that user, and waits for its phase. Told to stop, the task is killed after a second. */
async function run(name: string, script: string, phase: string, user?: number): Promise<void> {
  const task = {
    name: "a",
    image: "python:3.11-slim",
    command: ["sh", "-ec", script],
    terminationGracePeriodSeconds: 1,
    env: { RUN: "$RUN_PATH", TASK: "$TASK_PATH" },
    mounts: [{ name: "data", path: "/data", claim: CLAIM }],
    ...(user === undefined ? {} : { securityContext: { runAsUser: user } }),
  };
  await kubectlApply(namespace.name, {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name },
    spec: { tasks: [task] },
  });
  await until(async () => (await get(`/v1/pipelines/${name}`)).text, WAIT_MS, {
    describe: `${name} is ${phase}`,
    accept: (text) => text.includes(`"status":"${phase}"`),
    everyMs: 300,
  });
}

async function remove(name: string): Promise<string[]> {
  const answer = await send(port, "DELETE", `/v1/pipelines/${name}?fs=True`, { headers: { authorization } });
  assert.is(answer.status, 200, answer.text);
  return (answer.json.cleanups as { removedFromFs: string }[]).map(({ removedFromFs }) => removedFromFs);
}

files("O-211, O-107: the directory is gone from the claim, links in it are not followed, other runs keep theirs", () =>
  within(2 * WAIT_MS, async () => {
    const script = [
      'mkdir -p "$TASK/deep/er"',
      'echo x > "$TASK/deep/er/file"',
      "echo precious > /data/precious",
      'ln -s /data "$TASK/link"',
      'ln -s /data/precious "$RUN/link"',
      'chmod 0500 "$TASK/deep"',
    ].join("\n");
    await run("other", 'echo y > "$TASK/file"', "DONE");
    await run("rooted", script, "DONE");
    assert.ok(existsSync(join(claim, "odin/rooted/a/deep/er/file")));
    assert.equal(await remove("rooted"), ["Yes", "Yes"], odin.output.slice(-3000));
    assert.not.ok(existsSync(join(claim, "odin/rooted")));
    assert.ok(existsSync(join(claim, "precious")));
    assert.ok(existsSync(join(claim, "odin/other/a/file")));
    assert.equal(await remove("rooted"), ["Yes", "Yes"], "again: it does not exist");
  }),
);

files("O-211: files of another user go too, and so do those of a task that is still running", () =>
  within(2 * WAIT_MS, async () => {
    await run("running", 'echo x > "$TASK/file"; sleep 600', "RUNNING", 1000);
    await until(() => existsSync(join(claim, "odin/running/a/file")), WAIT_MS, { describe: "the task has written" });
    assert.equal(await remove("running"), ["Yes", "Yes"], odin.output.slice(-3000));
    assert.not.ok(existsSync(join(claim, "odin/running")));
  }),
);
files.run();
