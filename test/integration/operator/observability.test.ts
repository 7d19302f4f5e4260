import { suite } from "uvu";
import * as assert from "uvu/assert";
import { METRIC_ORIGINS } from "../../../cli/metric-origins.ts";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { KubeClient } from "../../../kube/client.ts";
import { until } from "../../support/deadline.ts";
import { Health } from "../../support/health.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { type OdinProcess, operatorProcess } from "../../support/odin-process.ts";
import { untilPodsRefused } from "../../support/pod-admission.ts";
import { PodPlayer } from "../../support/pod-player.ts";
import { promtoolComplaints } from "../../support/promtool.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { kubeConfig } from "../api/facade-stage.ts";

const WAIT_MS = 120_000;
/** In the environment and the arguments of a task: nothing that the operator says may hold it. */
const SECRET = "hunter2-and-then-some";

const seen = suite("what an operator tells");
let namespace: TemporaryNamespace;
let client: KubeClient;
let player: PodPlayer | undefined;
let operator: OdinProcess;
let health: Health;
seen.before(async () => {
  try {
    namespace = await temporaryNamespace("seen");
    client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
    player = new PodPlayer(client, namespace.name, () => 50);
    await player.start();
    operator = operatorProcess(namespace.name, { ODIN_LOG_FORMAT: "json", ODIN_LOG_LEVEL: "debug" });
    health = await Health.of(operator);
    await operator.untilSaid("operator running");
  } catch (error) {
    console.error(error);
    throw error;
  }
});
seen.after(async () => {
  await operator?.end("SIGKILL");
  await player?.stop();
  client?.close();
  await namespace?.remove();
});

async function create(name: string, spec: Pipeline["spec"]): Promise<void> {
  await kubectlApply(namespace.name, { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name }, spec });
}

async function untilReason(name: string, accept: (status: Pipeline["status"]) => boolean): Promise<void> {
  await until(
    async () => JSON.parse(await kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "json")) as Pipeline,
    WAIT_MS,
    { describe: `run ${name} is as wanted`, accept: ({ status }) => accept(status), everyMs: 200 },
  );
}

interface Line {
  level: string;
  time: string;
  msg: string;
  run?: string;
  namespace?: string;
  task?: string;
  attempt?: number;
  reason?: string;
}

/** The whole lines that it has written; of the last one there may be more to come. */
const lines = (process: OdinProcess): Line[] =>
  process.output
    .split("\n")
    .slice(0, -1)
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);

seen("a run's way is told in lines of JSON with run, task, attempt and reason, and in metrics", async () => {
  await create("plain", {
    tasks: [
      { name: "a", image: "i", command: ["c"], args: [SECRET], env: { PASSWORD: SECRET } },
      { name: "b", image: "i", command: ["c"], depends: ["a"] },
    ],
  });
  await untilReason("plain", (status) => status?.phase === "DONE");
  await operator.untilSaid('"msg":"run finished"');
  const told = lines(operator).filter(({ run }) => run === "plain");
  const messages = told.map(({ msg, task = "" }) => `${msg} ${task}`.trim());
  for (const wanted of [
    "run started",
    "created pod a",
    "task executed a",
    "created pod b",
    "task executed b",
    "run finished",
  ])
    assert.ok(messages.includes(wanted), `${wanted} is missing in ${messages.join(", ")}`);
  for (const { msg, namespace: of, task, attempt, time, level } of told) {
    assert.is(of, namespace.name, msg);
    assert.ok(task === undefined || attempt === 1, msg);
    assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.match(level, /^(debug|info)$/, msg);
  }
  assert.is(await health.value('odin_total_count{phase="DONE"}'), 1);
  assert.is(await health.value("odin_completed_total"), 1);
  assert.is(await health.value('odin_gauge{phase="DONE"}'), 1);
  assert.is(await health.value('odin_task_start_latency_seconds_count{stage="created"}'), 2);
  assert.is(await health.value('odin_task_start_latency_seconds_count{stage="running"}'), 2);
  assert.is(await health.value("odin_reconciles_per_pipeline_count"), 1);
  assert.is(await health.value('odin_api_requests_total{verb="create",resource="pods",code="201"}'), 2);
  assert.ok((await health.value("odin_status_bytes_count")) >= 2);
  assert.ok((await health.value('odin_log_messages{level="info"}')) > 0);
});

seen("what tasks wait for is a gauge by reason, and goes away with the cause", async () => {
  const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "none" }, spec: { hard: { pods: "0" } } };
  await kubectlApply(namespace.name, quota);
  await untilPodsRefused(namespace.name, "exceeded quota: none");
  await create("held", { tasks: [{ name: "a", image: "i", command: ["c"] }] });
  await untilReason("held", (status) => status?.reason === "a: QuotaExceeded");
  await until(() => health.value('odin_pods_waiting{reason="QuotaExceeded"}'), WAIT_MS, { describe: "it is counted" });
  assert.is(await health.value("odin_running_taskruns_throttled_by_quota"), 1);
  assert.is(await health.value("odin_running_pipelineruns"), 1);
  const refusal = (): Line | undefined =>
    lines(operator).find(({ run, msg }) => run === "held" && msg === "object not created");
  const line = await until(refusal, WAIT_MS, { describe: "the log tells of the refusal" });
  assert.equal([line?.level, line?.task, line?.reason], ["warn", "a", "QuotaExceeded"]);
  await kubectl("delete", "resourcequota", "none", "-n", namespace.name);
  await untilReason("held", (status) => status?.phase === "DONE");
  await until(() => health.value("odin_running_taskruns_throttled_by_quota"), WAIT_MS, {
    describe: "nothing is held back",
    accept: (count) => count === 0,
  });
});

seen("Prometheus reads what is served; no series names a run, a task or a pod", async () => {
  const text = await health.metrics();
  assert.not.match(text, /plain|held/);
  const complaints = await promtoolComplaints(text);
  if (complaints === undefined) {
    console.log("promtool is not installed: its rules were not applied");
    return;
  }
  const ours = complaints.filter((line) => {
    const name = line.split(" ")[0] ?? "";
    return name.startsWith("odin_") && !Object.hasOwn(METRIC_ORIGINS, name);
  });
  assert.equal(ours, []);
});

seen("no line holds what is given to tasks, at whatever level", () => {
  assert.ok(operator.output.includes("plain") && !operator.output.includes(SECRET));
});

seen("text for people has the same, a line each", async () => {
  const other = operatorProcess(namespace.name, { ODIN_LOG_FORMAT: "text" });
  try {
    await other.untilSaid("operator running");
    assert.match(other.output, /^\d\d:\d\d:\d\d\.\d{3} INFO {2}operator running/m);
    assert.match(other.output, /the collection was listed .*resource=pods .*reason=start/);
    assert.is(await other.end("SIGTERM"), 0);
  } finally {
    await other.end("SIGKILL");
  }
});
seen.run();
