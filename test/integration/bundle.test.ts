import { execFile } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../crds/generated/types.ts";
import { KubeClient } from "../../kube/client.ts";
import { until } from "../support/deadline.ts";
import { ROOT } from "../support/documents.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { PodPlayer } from "../support/pod-player.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import { send, sendJson } from "../unit/api/served.ts";
import { kubeConfig } from "./api/facade-stage.ts";

const execute = promisify(execFile);
const BUNDLE = join(ROOT, "dist/bundle");
const PASSWORD = "the root's password";
const WAIT_MS = 120_000;

const bundle = suite("the program as a few files");
/** The bundle alone, away from the checkout and its packages. */
let program = "";
let namespace: TemporaryNamespace;
let directory: TemporaryDirectory;
let client: KubeClient;
let player: PodPlayer | undefined;
let operator: OdinProcess | undefined;
let api: OdinProcess | undefined;

bundle.before(async () => {
  try {
    await execute(process.execPath, [join(ROOT, "dist/cli/bundle.js")], { timeout: 120_000 });
    namespace = await temporaryNamespace("bundle");
    directory = await temporaryDirectory();
    const installed = join(directory.path, "odin");
    for (const path of ["dist/bundle", "crds/generated", "package.json"])
      cpSync(join(ROOT, path), join(installed, path), { recursive: true });
    program = join(installed, "dist/bundle/odin.js");
    client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
    player = new PodPlayer(client, namespace.name, () => 50);
    await player.start();
  } catch (error) {
    console.error(error);
    throw error;
  }
});
bundle.after(async () => {
  await operator?.end("SIGKILL");
  await api?.end("SIGKILL");
  await player?.stop();
  client?.close();
  await directory?.remove();
  await namespace?.remove();
});

async function odin(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await execute(process.execPath, [program, ...args])) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

/** The files that Node reads when it loads one of them, those left out that are loaded on demand. */
function loaded(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(join(BUNDLE, file), "utf8");
  for (const [, next = ""] of text.matchAll(/^(?:import (?:.* from )?|\} from )"\.\/([^"]+)";$/gm)) loaded(next, seen);
  return seen;
}

/** Packages whose code is in what is loaded for a part of the program. */
function packagesOf(source: string): Set<string> {
  const entry = readdirSync(BUNDLE).find(
    (file) => /^main-\w+\.js$/.test(file) && readFileSync(join(BUNDLE, file), "utf8").includes(`// ${source}\n`),
  );
  if (entry === undefined) throw new Error(`no file of the bundle holds ${source}`);
  const texts = [...loaded(entry)].map((file) => readFileSync(join(BUNDLE, file), "utf8"));
  const found = texts.flatMap((text) => [...text.matchAll(/^\s*\/\/ \S*?node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//gm)]);
  return new Set(found.map(([, name = ""]) => name));
}

bundle("each part says what it takes, and refuses what it does not know", async () => {
  assert.match((await odin("--help")).stdout, /odin operator/);
  assert.match((await odin("operator", "--help")).stdout, /--workers/);
  assert.match((await odin("api", "--help")).stdout, /--listen/);
  const refused = await odin("operator", "--workers=none");
  assert.is(refused.code, 2);
  assert.match(refused.stderr, /--workers/);
});

bundle("the operator's files hold no web server, and of the client library no models", () => {
  const packages = packagesOf("operator/main.ts");
  assert.ok(packages.has("prom-client"), [...packages].join(" "));
  for (const unwanted of ["koa", "simple-git", "jsonwebtoken", "pg"]) assert.not.ok(packages.has(unwanted), unwanted);
  const files = readdirSync(BUNDLE).filter((file) => file.endsWith(".js"));
  const texts = files.map((file) => readFileSync(join(BUNDLE, file), "utf8"));
  assert.not.ok(texts.some((text) => text.includes("class V1PodSpec")));
});

bundle("the base class asks nothing of the typed client that is left out", () => {
  const sources = readFileSync(join(ROOT, "operator/operator.ts"), "utf8");
  assert.not.match(sources, /k8sApi/);
});

bundle("every thread and process that is started by file name has its own file in it", () => {
  const started = ["api", "operator", "store", "kube"].flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .flatMap((path) => {
        const text = readFileSync(join(ROOT, room, path), "utf8");
        const names = [...text.matchAll(/new URL\("\.\/([^"]+)\.js", import\.meta\.url\)/g)].map(
          ([, name = ""]) => name,
        );
        return names
          .filter((name) => name !== "try-it")
          .map((name) => ({ name, source: join(room, dirname(path), name) }));
      }),
  );
  assert.ok(started.length >= 5, JSON.stringify(started));
  for (const { name, source } of started) {
    const text = readFileSync(join(BUNDLE, `${name}.js`), "utf8");
    assert.ok(text.includes(`// ${source}.ts\n`), `${name}.js of the bundle is not ${source}.ts`);
  }
});

bundle("the licence of each package that is part of it goes with it", () => {
  const text = readFileSync(join(BUNDLE, "LICENSES.txt"), "utf8");
  for (const name of ["@kubernetes/client-node 1", "@dot-i/k8s-operator 1", "koa 3", "pino 10", "uplot 1"]) {
    assert.match(text, new RegExp(`^${name}\\.`, "m"));
  }
  assert.match(text, /Apache License/);
});

bundle("stacks lead back to the sources", () => {
  const maps = readdirSync(BUNDLE).filter((file) => file.endsWith(".js.map"));
  const sources = maps.flatMap(
    (file) => (JSON.parse(readFileSync(join(BUNDLE, file), "utf8")) as { sources: string[] }).sources,
  );
  const ours = sources.map((source) => join(BUNDLE, source)).filter((path) => !path.includes("node_modules"));
  assert.ok(ours.includes(join(ROOT, "operator/main.ts")));
  assert.ok(ours.every((path) => path.endsWith(".ts") && existsSync(path)));
});

bundle("it registers the definitions, runs a pipeline to its end and stops in order", async () => {
  operator = new OdinProcess(
    "operator",
    {
      ODIN_NAMESPACE: namespace.name,
      ODIN_LEADER_ELECT: "false",
      ODIN_STORE: join(directory.path, "store.db"),
      ODIN_LOG_FORMAT: "json",
    },
    program,
  );
  await operator.untilSaid("operator running");
  await kubectlApply(namespace.name, {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name: "whole" },
    spec: {
      tasks: [
        { name: "a", image: "i", command: ["c"] },
        { name: "b", image: "i", command: ["c"], depends: ["a"] },
      ],
    },
  });
  await until(
    async () => JSON.parse(await kubectl("get", "pipeline", "whole", "-n", namespace.name, "-o", "json")) as Pipeline,
    WAIT_MS,
    { describe: "the run has ended", accept: ({ status }) => status?.phase === "DONE", everyMs: 200 },
  );
  // The embedded database is a process of its own, and a file of its own in the bundle.
  await operator.untilSaid("store open");
  assert.is(await operator.end("SIGTERM"), 0, operator.output);
});

bundle("the API reads a job in its threads and answers for the run", async () => {
  api = new OdinProcess(
    "api",
    {
      ODIN_NAMESPACE: namespace.name,
      ODIN_LISTEN: "127.0.0.1:0",
      ODIN_SECRET: "the secret of the tests of the bundle, long enough",
      ODIN_ROOT_USER: "root",
      ODIN_ROOT_PASS: PASSWORD,
      ODIN_REPOSITORY: join(directory.path, "tree"),
    },
    program,
  );
  await api.untilSaid('"msg":"ready"');
  const port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(api.output)?.[1]);
  // The other families are ready by themselves, when they know their objects.
  for (const path of ["/api/runs/", "/api/v1/clusters/jobs/list"])
    await until(async () => (await send(port, "GET", path)).status, WAIT_MS, {
      describe: `${path} is served`,
      accept: (status) => status !== 503,
    });
  const login = await sendJson(port, "POST", "/v1/auth", { username: "root", password: PASSWORD });
  const authorization = `Bearer ${login.json.message}`;
  assert.is((await sendJson(port, "POST", "/v1/jobs", { job: { name: "large" } }, { authorization })).status, 200);
  // Long enough for the threads.
  const tasks = Array.from({ length: 500 }, (_, index) => ({ name: `t${index}`, image: "i", command: ["c"] }));
  const made = await sendJson(port, "PUT", "/v1/jobs/large", { tasks }, { authorization });
  assert.is(made.status, 200, made.text);
  // As long are the bodies of the other families that their own threads read.
  const words = "long ".repeat(40_000);
  const key = await sendJson(port, "POST", "/api/v1/clusters/keys", {}, { authorization });
  assert.is(key.status, 200, key.text);
  const note = { job_id: "no such job", update_pairs: JSON.stringify({ words }) };
  const noted = await sendJson(port, "PUT", "/api/v1/clusters/jobs/user_dict_update", note, { authorization });
  assert.is(noted.status, 404, noted.text);
  const metric = { run_id: "7", name: "loss", date: "2026-11-20T12:00:00Z", value: "1", metadata: words };
  const posted = await sendJson(port, "POST", "/api/metrics/", metric, { authorization });
  assert.equal([posted.status, posted.json.message], [404, "Run not found"], posted.text);
  const run = await send(port, "GET", "/v1/pipelines?q=whole", { headers: { authorization } });
  assert.is(run.status, 200);
  assert.match(JSON.stringify(run.json), /DONE/);
  const script = await send(port, "GET", "/docs/try-it.js");
  assert.is(script.text, readFileSync(join(ROOT, "api/docs/try-it.js"), "utf8"));
  assert.match((await send(port, "GET", "/")).text, /<script type="module" src="\/static\/main\.js">/);
  for (const name of ["main.js", "host-block.js", "html.js", "uPlot.esm.js", "uPlot.min.css", "vesta.css"]) {
    assert.is((await send(port, "GET", `/static/${name}`)).status, 200, name);
  }
  assert.is(await api.end("SIGTERM"), 0, api.output);
});
bundle.run();
