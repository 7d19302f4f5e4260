import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { type ClientOutcome, ClientShell, plain, printedJson } from "../integration/clients/client-shell.ts";
import { until, within } from "../support/deadline.ts";
import { ROOT } from "../support/documents.ts";
import { testVariable } from "../support/kubectl.ts";
import { type ClientPackage, clientCommands } from "../support/odin-clients.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { skip } from "../support/skip.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const test = suite("the published clients and real pods");
const WAIT_MS = 180_000;
const PASSWORD = randomBytes(12).toString("hex");
/** What the example's tasks need of its directory. */
const FILES = ["main.yml", "sst2.yml", "train.py", "classifier.py", "after.py", "train.txt", "dev.txt"];
let namespace: TemporaryNamespace;
let odin: OdinProcess;
let port = 0;

test.before(async () => {
  try {
    namespace = await temporaryNamespace("clients");
    await createSharedVolume(testVariable("KUBECONFIG"), namespace.name, "data-rw-many");
    odin = new OdinProcess("all", {
      ODIN_NAMESPACE: namespace.name,
      ODIN_LISTEN: "127.0.0.1:0",
      ODIN_PUBLIC_READS: "none",
      ODIN_SECRET: randomBytes(48).toString("base64"),
      ODIN_ROOT_USER: "root",
      ODIN_ROOT_PASS: PASSWORD,
      ODIN_LEADER_ELECT: "false",
      ODIN_INSTALL_CRDS: "false",
    });
    await odin.untilSaid('"msg":"ready"');
    port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(odin.output)?.[1]);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await odin?.end("SIGTERM");
  await namespace?.remove();
});

const worked = (outcome: ClientOutcome): string => {
  assert.is(outcome.code, 0, outcome.output);
  return plain(outcome);
};

/** Makes the example's job with the clients of a package, which are installed first, and runs its training until the last look at it. */
async function train(name: ClientPackage, knowsScheme: boolean): Promise<void> {
  let commands: string;
  try {
    commands = await clientCommands(name);
  } catch (error) {
    skip(`O-294 with ${name}`, `it cannot be installed: ${error}`);
    return;
  }
  await within(WAIT_MS * 2, () => trainWith(commands, name, knowsScheme));
}

async function trainWith(commands: string, name: ClientPackage, knowsScheme: boolean): Promise<void> {
  const shell = await ClientShell.open({
    commands,
    port,
    identity: { kind: "netrc", username: "root", secret: PASSWORD },
    knowsScheme,
    // What the old odin-logs reads pods with.
    environment: { KUBECONFIG: testVariable("KUBECONFIG") },
  });
  try {
    worked(await shell.run("auth", "-u", "root", "-p", PASSWORD));
    const job = `people/${name}`;
    worked(await shell.run("create", job));
    for (const file of FILES) {
      const { bytes } = printedJson(
        await shell.run("push", job, join(ROOT, "examples/sst2", file), "--file_name", file),
      ) as { bytes: number };
      assert.ok(bytes > 0, file);
    }
    const { pipeline } = printedJson(await shell.run("run", job)) as { pipeline: { id: string } };
    const { id } = pipeline;
    const done = await until(async () => plain(await shell.run("status", id)), WAIT_MS, {
      describe: `${id} is done`,
      accept: (output) => /--> (DONE|TERMINATED)/.test(output),
    });
    assert.match(done, /--> DONE/);
    const logs = worked(await shell.run("logs", id, "--namespace", namespace.name));
    assert.match(logs, new RegExp(`^={16}\\n${id}--sst2\\n-{16}\\n`));
    assert.match(logs, /^held-out accuracy: 0\.\d\d \(n=60\)$/m);
    assert.match(logs, new RegExp(`^={16}\\n${id}--after\\n-{16}\\n`, "m"));
    // The kubelet sends its events apart from the states of its pods, and they may come later.
    const events = await until(async () => worked(await shell.run("events", `${id}--sst2`)), WAIT_MS, {
      describe: "the kubelet's events are shown",
      accept: (output) => /kubelet,/.test(output),
    });
    assert.match(events, /odin +\|/);
    const { jobs } = printedJson(await shell.run("data", id)) as { jobs: { status: string } };
    assert.is(jobs.status, "DONE");
    const cleaned = worked(await shell.run("cleanup", id, "--db"));
    assert.match(cleaned, new RegExp(`${id}--sst2 +\\| Yes +\\| Yes`));
    assert.match(worked(await shell.run("status", id)), /^\s*$/);
  } finally {
    await shell.close();
  }
}

test("O-294, O-240: the clients of 0.7.6 train a model on real pods, with netrc and closed reads", () =>
  train("odin-api-0.7.6", true));

test("O-240: so do those of 0.5.8, whose odin-logs reads the pods itself", () => train("odin-ml-0.5.8", false));

test("O-240, O-242: so do those of 0.6.4", () => train("odin-ml-0.6.4", true));

test.run();
