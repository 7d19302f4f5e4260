import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { until, within } from "../support/deadline.ts";
import { blocksOf, documents, ROOT } from "../support/documents.ts";
import { kubectl, testVariable } from "../support/kubectl.ts";
import { CLIENT_ENVIRONMENT, clientCommands } from "../support/odin-clients.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { INSTALLATION_PAGES, SLACK_PAGE } from "../support/page-shell.ts";
import { skip } from "../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const execute = promisify(execFile);
const commands = suite("the commands of the documentation do what it says");
const PASSWORD = randomBytes(12).toString("hex");
const BLOCK_MS = 240_000;

const ran = new Set<string>();
let namespace: TemporaryNamespace;
let place: TemporaryDirectory;
let odin: OdinProcess;

/** What a shell needs that follows the documentation: its directory has `.odin/env` and `examples`, as a checkout has. */
async function prepare(url: string, kubeconfig: string): Promise<void> {
  const variables = { KUBECONFIG: kubeconfig, ODIN_URL: url, ODIN_USER: "odin", ODIN_PASSWORD: PASSWORD };
  await mkdir(join(place.path, ".odin"), { recursive: true });
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(place.path, ".odin/env"), lines.join(""));
  await symlink(join(ROOT, "examples"), join(place.path, "examples"));
  await mkdir(join(place.path, "bin"));
  await symlink(testVariable("ODIN_TEST_KUBECTL"), join(place.path, "bin/kubectl"));
}

async function startOdin(kubeconfig: string): Promise<string> {
  odin = new OdinProcess("all", {
    KUBECONFIG: kubeconfig,
    ODIN_NAMESPACE: namespace.name,
    ODIN_REPOSITORY: join(place.path, ".odin/jobs"),
    ODIN_LISTEN: "127.0.0.1:0",
    ODIN_LEADER_ELECT: "false",
    ODIN_INSTALL_CRDS: "false",
    ODIN_SECRET: randomBytes(48).toString("base64"),
    ODIN_ROOT_USER: "odin",
    ODIN_ROOT_PASS: PASSWORD,
  });
  await odin.untilSaid('"listening"');
  const url = /"url":"(http:[^"]+)"/.exec(odin.output)?.[1] ?? "";
  await until(async () => (await fetch(`${url}/readyz`)).ok, 60_000, { describe: `${url}/readyz` });
  return url;
}

commands.before(async () => {
  namespace = await temporaryNamespace("docs");
  place = await temporaryDirectory();
  const kubeconfig = join(place.path, "kubeconfig");
  await writeFile(kubeconfig, await kubectl("config", "view", "--flatten"));
  await chmod(kubeconfig, 0o600);
  await kubectl("config", "set-context", "--current", "--namespace", namespace.name, "--kubeconfig", kubeconfig);
  await createSharedVolume(testVariable("KUBECONFIG"), namespace.name, "data-rw-many");
  await kubectl("apply", "--namespace", namespace.name, "-f", join(ROOT, "examples/sst2/job.yaml"));
  await prepare(await startOdin(kubeconfig), kubeconfig);
});
commands.after(async () => {
  await odin?.end("SIGTERM");
  await namespace?.remove();
  await place?.remove();
});

interface Reader {
  document: string;
  /** Directory with further commands. */
  path?: string;
  environment?: Record<string, string>;
}

/** Runs the named blocks of a document in one shell, as a reader would, and returns what it prints. */
async function run(reader: string | Reader, ...names: string[]): Promise<string> {
  const { document, path, environment }: Reader = typeof reader === "string" ? { document: reader } : reader;
  const blocks = blocksOf(document);
  const script = names.map((name) => {
    const block = blocks.find((other) => other.name === name);
    if (block === undefined) throw new Error(`${document} has no block named ${name}`);
    ran.add(`${document} ${name}`);
    return block.text;
  });
  try {
    const { stdout } = await execute("bash", ["--norc", "-euo", "pipefail", "-c", script.join("\n")], {
      cwd: place.path,
      timeout: BLOCK_MS - 10_000,
      env: {
        ...environment,
        PATH: [path, join(place.path, "bin"), dirname(process.execPath), process.env.PATH].filter(Boolean).join(":"),
        HOME: place.path,
      },
    });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${document}, ${names.join(" ")}: ${stdout ?? ""}${stderr ?? String(error)}`);
  }
}

commands("README: kubectl", () =>
  within(BLOCK_MS, async () => {
    const printed = await run("README.md", "environment", "kubectl-apply", "kubectl-watch");
    assert.match(printed, /pipeline\.odin\.io\/hello condition met/);
    assert.match(printed, /^hello +DONE +2\/2/m);
    assert.match(printed, /created pod hello--check/);
    assert.match(printed, /^checked$/m);
  }),
);

commands("README: curl", () =>
  within(BLOCK_MS, async () => {
    const printed = await run("README.md", "environment", "curl-login", "curl-launch", "curl-watch");
    assert.match(printed, /"status":"(BUILDING|RUNNING)"/);
    assert.match(printed, /^held-out accuracy: 0\.\d\d \(n=60\)$/m);
  }),
);

commands("tutorial", () =>
  within(BLOCK_MS, async () => {
    const document = "docs/tutorial/first-pipeline.md";
    const names = ["tutorial-run", "tutorial-look", "tutorial-fail", "tutorial-why"];
    const printed = await run(document, "environment", ...names);
    assert.match(printed, /c2: done while b still runs/);
    assert.match(printed, /^task bad: /m);
    assert.match(printed, /^bad: terminated \(/m);
    assert.match(printed, /^beside: executed *$/m);
    assert.match(printed, /^never: waiting \(not started: pipeline terminated\)$/m);
    await run(document, "environment", "tutorial-clean");
    const left = JSON.parse(await kubectl("get", "pipelines", "--namespace", namespace.name, "--output=json"));
    const there = left.items.map((item: { metadata: { name: string } }) => item.metadata.name);
    assert.not(there.includes("diamond") || there.includes("failing"), there.join(" "));
  }),
);

commands("how-to: use the Odin clients", async () => {
  const document = "docs/how-to/use-the-odin-clients.md";
  const steps = ["server", "netrc", "auth", "push", "run", "cleanup"];
  const names = ["environment", ...steps.map((step) => `clients-${step}`)];
  let clients: string;
  try {
    clients = await clientCommands("odin-api-0.7.6");
  } catch (error) {
    for (const name of names) ran.add(`${document} ${name}`);
    skip("how-to: use the Odin clients", `they cannot be installed: ${error}`);
    return;
  }
  await within(BLOCK_MS, async () => {
    const printed = await run({ document, path: clients, environment: CLIENT_ENVIRONMENT }, ...names);
    assert.match(printed, /DONE/);
    assert.match(printed, /held-out accuracy: 0\.\d\d/);
    assert.match(printed, /created pod sentiment-\w+--sst2/);
    assert.match(printed, /"success": true/);
    assert.match(printed, /Results of this request/);
  });
});

commands("how-to: use Clockwork", () =>
  within(BLOCK_MS, async () => {
    const document = "docs/how-to/use-clockwork.md";
    const printed = await run(document, "environment", "clockwork-key", "clockwork-ask");
    assert.match(printed, /^key [0-9a-f]{16} for odin$/m);
    assert.match(printed, /^\{"jobs":\[.*\],"nbr_total_jobs":\d+\}$/m);
    assert.match(printed, /^\{"cuda_cores":4608,"name":"rtx8000"/m);
  }),
);

commands("how-to: keep jobs in git", () =>
  within(BLOCK_MS, async () => {
    const document = "docs/how-to/keep-jobs-in-git.md";
    const printed = await run(document, "environment", "jobs-login", "jobs-create", "jobs-run");
    assert.match(printed, /"location":"\/data\/pipelines\/greetings\/hello\/greeting\.txt@[0-9a-f]{40}"/);
    assert.match(printed, /^Good morning$/m);
    // The object follows the repository; a reply waits for that, but not for ever.
    const look = await until(() => run(document, "environment", "jobs-look"), BLOCK_MS / 2, {
      describe: "the job has an object",
      accept: (shown) => /^greetings-hello-[0-9a-f]{8} +greetings\/hello /m.test(shown),
      everyMs: 1_000,
    });
    assert.match(look, /^[0-9a-f]+ odin: via odin-http upload_job_file$/m);
  }),
);

commands("how-to: see GPUs", () =>
  within(BLOCK_MS, async () => {
    const document = "docs/how-to/see-gpus.md";
    const printed = await run(document, "environment", "gpus-simulate", "gpus-look", "gpus-fields", "gpus-clean");
    assert.match(printed, /0000:1B:00\.0 NVIDIA A100-SXM4-80GB 83 % 40211 of 81920 MiB default\/simulated-training/);
    assert.match(printed, /0000:43:00\.0 NVIDIA A100-SXM4-80GB 0 % 0 of 81920 MiB free/);
  }),
);

commands("V-1, V-23: how-to: watch GPUs with vesta", () =>
  within(BLOCK_MS, async () => {
    const document = "docs/how-to/watch-gpus-with-vesta.md";
    const printed = await run(document, "environment", "vesta-look", "vesta-json", "vesta-send");
    assert.match(printed, /^\| vesta ver\. 1\.0\.0 +gpu info\. \|$/m);
    assert.match(printed, /^\| vesta ver\. 1\.0\.0 +gpu table \|$/m);
    assert.match(printed, /^#### workstation :: 127\.0\.0\.1 #+$/m);
    assert.match(printed, /^ {2}│ {2}└── train\.py {20}8018MiB ann +│$/m);
    assert.match(await run(document, "environment", "vesta-forget"), /"status":"OK"/);
  }),
);

commands("every block that is marked was run", () => {
  const own = documents().filter((document) => ![...INSTALLATION_PAGES, SLACK_PAGE].includes(document));
  const marked = own.flatMap((document) => blocksOf(document).map(({ name }) => name && `${document} ${name}`));
  assert.equal(
    marked.filter((block) => block !== undefined && !ran.has(block)),
    [],
  );
});

commands.run();
