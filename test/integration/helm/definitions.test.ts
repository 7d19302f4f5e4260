// timeout: 1500
/** How the definitions of Jobs and Pipelines come, change and stay with a release; they are of the whole server, so it is one of this file alone. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { untilEstablished } from "../../support/established-kinds.ts";
import { CHART, helm, helmDone } from "../../support/helm.ts";
import { OwnApiServer } from "../../support/own-api-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const execute = promisify(execFile);
const NAMESPACE = ["--namespace", "odin"];
/** This server has no storage class, and none is needed: no pod runs. */
const CLASSES = ["--set", "jobs.storageClass=any,store.embedded.storageClass=any"];

const definitions = suite("definitions in a release");
let server: OwnApiServer;
let directory: TemporaryDirectory;
definitions.before(async () => {
  try {
    directory = await temporaryDirectory();
    server = await OwnApiServer.start();
    await kubectl("create", "namespace", "odin");
  } catch (error) {
    console.error(error);
    throw error;
  }
});
definitions.after(async () => {
  await server?.remove();
  await directory?.remove();
});

async function kubectl(...args: string[]): Promise<string> {
  const env = { ...process.env, KUBECONFIG: server.plane.kubeconfig };
  return (await execute(server.plane.kubectl, args, { env })).stdout;
}

/** A chart of a version that does not know a field that this one knows. */
async function olderChart(): Promise<string> {
  const chart = join(directory.path, "odin");
  await cp(CHART, chart, { recursive: true });
  const file = join(chart, "files/crds/pipelines.odin.io.yaml");
  const lines = readFileSync(file, "utf8").split("\n");
  const from = lines.findIndex((line) => line.trim() === "ttlSecondsAfterFinished:");
  const indent = lines[from]?.search(/\S/) ?? 0;
  const length = lines.slice(from + 1).findIndex((line) => line.search(/\S/) <= indent) + 1;
  lines.splice(from, length);
  writeFileSync(file, lines.join("\n"));
  return chart;
}

const release = (...args: string[]): Promise<string> => helmDone([...args, ...NAMESPACE], server.plane.kubeconfig);
const served = async (): Promise<string> => kubectl("get", "crd", "-o", "name");
const field = (path: string): Promise<string> => kubectl("get", "crd", "pipelines.odin.io", "-o", `jsonpath={${path}}`);
const BOTH =
  "customresourcedefinition.apiextensions.k8s.io/jobs.odin.io\ncustomresourcedefinition.apiextensions.k8s.io/pipelines.odin.io\n";

definitions("an installation brings them, an upgrade brings them up to date, a rollback takes them back", async () => {
  const path = ".spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.ttlSecondsAfterFinished.type";
  await release("install", "odin", await olderChart(), ...CLASSES);
  assert.is(await served(), BOTH);
  await untilEstablished(["jobs.odin.io", "pipelines.odin.io"], kubectl);
  assert.is(await field(path), "");
  await release("upgrade", "odin", CHART, ...CLASSES);
  assert.is(await field(path), "integer");
  await release("rollback", "odin", "1");
  assert.is(await field(path), "");
  await release("upgrade", "odin", CHART, ...CLASSES);
});

definitions("an uninstallation leaves them with all runs, and a new installation takes them over", async () => {
  const run = { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name: "kept" } };
  const spec = { tasks: [{ name: "a", image: "i", command: ["c"] }] };
  const child = execute(server.plane.kubectl, ["create", "-f", "-", ...NAMESPACE], {
    env: { ...process.env, KUBECONFIG: server.plane.kubeconfig },
  });
  child.child.stdin?.end(JSON.stringify({ ...run, spec }));
  await child;
  await release("uninstall", "odin");
  assert.is(await served(), BOTH);
  await release("install", "odin", CHART, ...CLASSES);
  assert.is(await kubectl("get", "pipelines", ...NAMESPACE, "-o", "name"), "pipeline.odin.io/kept\n");
});

definitions("a second release is refused them, and does without", async () => {
  await kubectl("create", "namespace", "second");
  const { exitCode, stderr } = await helm(
    ["install", "odin", CHART, "--namespace", "second", "--set", "fullnameOverride=second", ...CLASSES],
    server.plane.kubeconfig,
  );
  assert.is(exitCode, 1);
  assert.match(stderr, /jobs\.odin\.io.*(?:exists|ownership)/s);
  const args = ["install", "odin", CHART, "--namespace", "second", "--set", "crds.install=false"];
  await helmDone(args, server.plane.kubeconfig);
  await helmDone(["uninstall", "odin", "--namespace", "second"], server.plane.kubeconfig);
  assert.is(await served(), BOTH);
});

definitions("they go with the release, and all runs with them, where that was asked for", async () => {
  await release("upgrade", "odin", CHART, ...CLASSES, "--set", "crds.keep=false");
  await release("uninstall", "odin");
  // A definition goes when all objects of its kind have gone.
  const names = ["crd/jobs.odin.io", "crd/pipelines.odin.io"];
  await kubectl("wait", "--for=delete", "--timeout=120s", ...names);
  assert.is(await served(), "");
});
definitions.run();
