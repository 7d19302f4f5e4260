import { randomBytes } from "node:crypto";
import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { run as runCommand } from "./command.ts";
import { type DemoCluster, existingCluster, localCluster } from "./demo-cluster.ts";
import { DemoRest, type Run } from "./demo-rest.ts";
import { type DemoService, startService } from "./demo-service.ts";
import { LiveTable, type Row } from "./demo-table.ts";
import { runInterruptibly } from "./interrupt.ts";
import { Interrupted, LocalError, messageOf } from "./local-error.ts";
import { streamProgress } from "./progress.ts";
import { DEFAULT_RUN_DIRECTORY, type RunDirectory, runDirectory } from "./run-directory.ts";
import { waitFor } from "./wait.ts";

const HELP = `Usage: npm run demo -- [--context NAME] [--dir DIR]

Boots a Kubernetes cluster on this machine, starts the operator and the API, and runs examples/sst2 twice: once submitted
with kubectl, once through the REST API. Leaves all of it running; \`npm run down\` removes it. Running it again is quick.

  --context NAME  use that context of your kubeconfig instead of a cluster of its own
  --dir DIR       keep everything in DIR instead of ${DEFAULT_RUN_DIRECTORY}
  --help          this text

The first start on a machine fetches or builds the cluster's programs, which takes up to some minutes.
`;

const EXAMPLE = join(import.meta.dirname, "../../examples/sst2");
const JOB = "sst2";
const DONE_WITHIN_MS = 10 * 60_000;
const LOOK_EVERY_MS = 400;

await runInterruptibly(async (signal) => {
  const { context, dir, help } = readArguments();
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  const progress = streamProgress();
  const directory = runDirectory(dir);
  const cluster =
    context === undefined
      ? await localCluster(directory, progress, signal)
      : await existingCluster(directory, context, progress);
  const service = await startService(directory, cluster, progress, signal);
  const step = progress.step("Submitting examples/sst2 with kubectl and through REST");
  await cluster.ensureVolume();
  const { rest, runs } = await submit(cluster, service, signal);
  step.done(runs.map(({ id }) => id).join(", "));
  const ended = await follow(rest, runs, signal);
  process.stdout.write(await report(directory, cluster, service, rest, ended));
  const failed = ended.filter(({ run }) => run.status !== "DONE");
  if (failed.length > 0) {
    throw new LocalError(
      failed.map(({ run }) => `${run.id} ended as ${run.status}: ${run.message ?? "no message"}`).join("; "),
    );
  }
});

interface Submitted {
  id: string;
  from: string;
}

/** Submits the example once in each way. */
async function submit(
  cluster: DemoCluster,
  service: DemoService,
  signal: AbortSignal,
): Promise<{ rest: DemoRest; runs: Submitted[] }> {
  const kubectl = async (input: string | undefined, ...args: string[]): Promise<void> => {
    const options = {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
      signal,
      ...(input === undefined ? {} : { input }),
    };
    await runCommand(cluster.kubectl, [...args, "-n", cluster.namespace], options);
  };
  await kubectl(undefined, "apply", "-f", join(EXAMPLE, "job.yaml"));
  const name = `${JOB}-${randomBytes(4).toString("hex")}`;
  const pipeline = { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name }, spec: { job: JOB } };
  await kubectl(JSON.stringify(pipeline), "apply", "-f", "-");
  const rest = await DemoRest.login(service);
  // The API sees the Job as soon as its watch has brought it.
  const id = await waitFor(() => rest.start(JOB), { deadlineMs: 60_000, what: "the run through REST", signal });
  return {
    rest,
    runs: [
      { id: name, from: "kubectl" },
      { id, from: "REST" },
    ],
  };
}

/** Shows the runs until both have ended. */
async function follow(rest: DemoRest, submitted: readonly Submitted[], signal: AbortSignal): Promise<Row[]> {
  const table = new LiveTable(process.stdout);
  const deadline = Date.now() + DONE_WITHIN_MS;
  for (;;) {
    if (signal.aborted) {
      process.stderr.write("The cluster and the runs go on; npm run down stops them.\n");
      throw new Interrupted();
    }
    const rows: Row[] = await Promise.all(submitted.map(async ({ id, from }) => ({ from, run: await rest.run(id) })));
    table.show(rows);
    if (rows.every(({ run }) => hasEnded(run))) return rows;
    if (Date.now() > deadline) {
      throw new LocalError(
        `not done after ${DONE_WITHIN_MS / 60_000} minutes; the table says what each task waits for, npm run down stops everything`,
      );
    }
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

function hasEnded(run: Run): boolean {
  return run.status === "DONE" || run.status === "TERMINATED";
}

/** What came out, where everything is, what to try next, and how to stop. */
async function report(
  directory: RunDirectory,
  cluster: DemoCluster,
  service: DemoService,
  rest: DemoRest,
  rows: readonly Row[],
): Promise<string> {
  const lines = await Promise.all(
    rows.map(async ({ from, run }) => {
      const accuracy = /^held-out accuracy.*$/m.exec(await rest.logs(run.id))?.[0];
      return `  ${run.id} (${from}): ${run.status}, ${accuracy ?? "no accuracy in its logs"}`;
    }),
  );
  const near = relative(process.cwd(), directory.path);
  const here = near === "" || near.startsWith("..") ? directory.path : near;
  return `
${lines.join("\n")}

  API      ${service.url}/v1      user ${service.user}, password in ${here}/env
  Try it   ${service.url}/docs     in a browser
  Metrics  ${service.url}/metrics and ${service.metricsUrl}

Next:
  set -a; . ${here}/env; set +a
  ${cluster.kubectl} get pipelines
  ${cluster.kubectl} describe pipeline ${rows[0]?.run.id}
  curl -s $ODIN_URL/v1/pipelines/${rows[1]?.run.id}

Stop everything: npm run down${directory.path === DEFAULT_RUN_DIRECTORY ? "" : ` -- --dir ${here}`}
`;
}

function readArguments(): { context?: string | undefined; dir?: string | undefined; help: boolean } {
  try {
    return parseArgs({
      options: {
        context: { type: "string" },
        dir: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw new LocalError(`${messageOf(error)}; --help shows the usage`);
  }
}
