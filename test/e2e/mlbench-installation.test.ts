// timeout: 1500
/** MLBench as the chart installs it, on a real node, with its published client outside the cluster and in the workers. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../../local/command.ts";
import { productImage } from "../../local/product-image.ts";
import { streamProgress } from "../../local/progress.ts";
import { accountRequests, grantedRights, rightText, unusedRights } from "../support/account-rights.ts";
import { until, within } from "../support/deadline.ts";
import { textOf } from "../support/documents.ts";
import { withForwardedPort } from "../support/forwarded-port.ts";
import { CHART, objectsOf } from "../support/helm.ts";
import { podsOf } from "../support/installed-release.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { listOf, MlbenchClient, objectOf, resultsOf } from "../support/mlbench-client.ts";
import { MLBENCH_WORKER, MLBENCH_WORKER_COMMAND } from "../support/mlbench-worker-image.ts";
import { OwnCluster } from "../support/own-cluster.ts";
import { writePackagesImage } from "../support/python-packages-image.ts";
import { skip } from "../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

/** Where the client looks for the API unless it is told: benchmarks are not. */
const SPACE = "default";
const STEP_MS = 400_000;
const WAIT_MS = 240_000;
const installation = suite("MLBench as it is installed");
let place: TemporaryDirectory;
let client: MlbenchClient;
let cluster: OwnCluster;

installation.before(async () => {
  try {
    const { archive, name } = await productImage(streamProgress());
    const work = join(place.path, "image");
    await mkdir(work);
    const workerImage = await writePackagesImage(MLBENCH_WORKER, client.commands, work);
    cluster = await OwnCluster.start(1);
    await cluster.load(archive, workerImage);
    await cluster.offerVolumes(2);
    const values = {
      "image.repository": name.slice(0, name.lastIndexOf(":")),
      "operator.replicas": "1",
      "mlbench.enabled": "true",
      "mlbench.cadvisor": "true",
      "api.settings.MLBENCH_SPREAD": "preferred",
    };
    const set = Object.entries(values).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    const install = ["install", "odin", CHART, "--namespace", SPACE, "--wait", "--timeout", "4m", ...set];
    const env = { PATH: process.env.PATH ?? "", HOME: place.path, KUBECONFIG: cluster.kubeconfig };
    await run(join(cluster.commands, "helm"), install, { timeoutMs: STEP_MS, env });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
installation.after(async () => {
  await cluster?.remove();
  await place.remove();
});

/** Lets `work` use an address at which no credential is asked for. */
function forwarded<T>(work: (address: string) => Promise<T>): Promise<T> {
  return within(STEP_MS, () => withForwardedPort(SPACE, "service/odin-mlbench-master", 80, work));
}

interface Detail {
  state: string;
  job_metadata: { stdout: string[]; stderr: string[] };
}

/** The end of what the API has logged. */
function apiLog(): Promise<string> {
  return kubectl("logs", "-n", SPACE, "deployment/odin-api", "--tail=40");
}

async function runOf(address: string, id: number): Promise<Detail> {
  // A connection that is kept, and that the server closes as it is used again, would end kubectl's port-forward.
  const headers = { connection: "close" };
  const answer = await fetch(`http://${address}/api/runs/${id}`, { headers });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status} ${text} ${await apiLog()}`);
  return JSON.parse(text) as Detail;
}

/** A run, once it has ended. */
async function ended(address: string, id: number): Promise<Detail> {
  const accept = ({ state }: Detail): boolean => state === "finished" || state === "failed";
  return await until(() => runOf(address, id), WAIT_MS, { describe: `end of run ${id}`, accept, everyMs: 500 });
}

/** Names of what of the runs is in the cluster. */
async function left(kinds: string): Promise<string[]> {
  const selector = "app=mlbench,component=worker";
  return (await kubectl("get", kinds, "-n", SPACE, "-l", selector, "-o", "name")).split("\n").filter(Boolean);
}

const MASTER = "app=mlbench,component=master";

/** Waits until one pod alone has the labels of MLBench's API, and it is another than `before`; its name. */
async function master(before = ""): Promise<string> {
  const path = "jsonpath={.items[*].metadata.name}";
  return await until(() => kubectl("get", "pods", "-n", SPACE, "-l", MASTER, "-o", path), WAIT_MS, {
    describe: "one pod with the labels",
    accept: (names) => names !== "" && names !== before && !names.includes(" "),
    everyMs: 500,
  });
}

installation(
  "M-70, M-71: one pod of the API has the labels by which it is found, and one Service leads to it",
  async () => {
    const labelled = await master();
    const [api] = await podsOf("api", SPACE);
    assert.is(labelled, api?.metadata.name);
    const services = await kubectl("get", "services", "-A", "-l", MASTER, "-o", "name");
    assert.is(services.trim(), "service/odin-mlbench-master");
  },
);

/** What a pod is answered that is no worker, and has so many seconds for it. */
const PROBE = `
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print("unreachable")
`;

installation("M-14: a neighbour needs a credential, and who is in another namespace does not even reach the port", () =>
  within(STEP_MS, async () => {
    const image = "python:3.11-slim";
    const container = { name: "main", image, imagePullPolicy: "IfNotPresent", command: ["sleep", "3600"] };
    const spec = { terminationGracePeriodSeconds: 1, containers: [container] };
    const prober = (name: string): object => ({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
    await kubectl("create", "namespace", "elsewhere");
    // A controller makes it; the API server refuses a pod that has waited for it for a second or two.
    await kubectl("wait", "--for=create", "serviceaccount/default", "-n", "elsewhere", "--timeout=150s");
    await kubectlApply("elsewhere", prober("stranger"));
    await kubectlApply(SPACE, prober("neighbour"));
    const [api] = await podsOf("api", SPACE);
    const url = `http://${api?.status.podIP}:80/api/runs/`;
    const probed = async (namespace: string, name: string, seconds: number): Promise<string> => {
      await kubectl("wait", "--for=condition=Ready", `pod/${name}`, "-n", namespace, "--timeout=150s");
      const ask = ["python3", "-c", PROBE, url, String(seconds)];
      return (await kubectl("exec", "-n", namespace, name, "--", ...ask)).trim();
    };
    assert.is(await probed("elsewhere", "stranger", 5), "unreachable");
    // Until the rules know the new pod its packets are dropped, and sent again.
    assert.is(await probed(SPACE, "neighbour", 120), "401");
    await kubectl("delete", "namespace", "elsewhere", "--wait=false");
    await kubectl("delete", "pod", "neighbour", "-n", SPACE, "--wait=false");
  }),
);

/** What the three workers printed, by what it is about. */
function results(lines: readonly string[], key: string): Record<string, unknown>[] {
  const found = (resultsOf(lines.join("\n")) as Record<string, unknown>[]).filter((one) => key in one);
  return found.sort((a, b) => Number(a.rank) - Number(b.rank));
}

installation(
  "M-1, M-14, M-44, M-46, M-62, M-69, M-70: the client makes a run of three workers that meet by name, and post and read metrics from inside",
  () =>
    forwarded(async (address) => {
      const [[operator], [api]] = await Promise.all([podsOf("operator", SPACE), podsOf("api", SPACE)]);
      const image = { custom_image_name: MLBENCH_WORKER.name, custom_backend: "gloo" };
      const [other] = await client.call(address, [
        "create_run",
        { ...image, name: "Other", num_workers: 1, num_cpus: 0, custom_image_command: "true" },
      ]);
      assert.is(other?.status, 201, other?.text);
      const otherId = Number(objectOf(other).id);
      const closed = `${operator?.status.podIP}:9004,${api?.status.podIP}:9003`;
      const command = `${MLBENCH_WORKER_COMMAND} --other ${otherId} --closed ${closed}`;
      const [created] = await client.call(address, [
        "create_run",
        { ...image, name: "First", num_workers: 3, num_cpus: 0.4, custom_image_command: command, run_all_nodes: true },
      ]);
      assert.is(created?.status, 201, created?.text);
      const id = Number(objectOf(created).id);
      const { state, job_metadata } = await ended(address, id);
      const { stdout, stderr } = job_metadata;
      const told = `${stdout.join("\n")}\n${stderr.join("\n")}`;
      assert.is(state, "finished", told);
      const pods = [0, 1, 2].map((rank) => `first-mlbench-worker-odin-${rank}`);
      assert.equal(
        results(stdout, "met").map(({ met }) => met),
        [pods, pods, pods],
      );
      const values = ["0.25", "0.3333333333333333", "0.5", "1.0"];
      assert.equal(
        results(stdout, "posted").map(({ posted }) => posted),
        [values, values, values],
      );
      const figures = results(stdout, "figures").map((one) => one.figures as Record<string, number[]>);
      assert.is(figures.length, 3, told);
      for (const { cpu = [], memory = [], network_in = [], network_out = [] } of figures) {
        assert.ok(Math.max(...cpu) > 0.05 && Math.max(...cpu) < 1, String(cpu));
        assert.ok(Math.max(...memory) > 1 && Math.max(...memory) < 1_000, String(memory));
        for (const series of [network_in, network_out]) {
          assert.ok((series.at(-1) ?? 0) > 0, String(series));
          assert.equal(
            series,
            [...series].sort((a, b) => a - b),
          );
        }
      }
      const [read] = results(stdout, "refused");
      assert.equal(read?.pods, pods);
      assert.equal(
        ((read?.runs ?? []) as { name: string }[]).map(({ name }) => name),
        ["Other", "First"],
      );
      assert.equal([read?.since, read?.summarized], [2, 2]);
      assert.equal(read?.refused, [401, 401, 401]);
      assert.equal(read?.open, [false, false], "the operator's port, and the API's for REST");

      await ended(address, otherId);
      const [list, metrics, zip] = await client.call(
        address,
        ["get_runs", {}],
        ["get_run_metrics", { run_id: id }],
        ["download_run_metrics", { run_id: id }],
      );
      assert.equal(
        listOf(list).map(({ name, state }) => [name, state]),
        [
          ["Other", "finished"],
          ["First", "finished"],
        ],
      );
      assert.equal(Object.keys(objectOf(metrics)), ["train_loss @ 0", "train_loss @ 1", "train_loss @ 2"]);
      assert.is(zip?.status, 200, `${zip?.text} ${await apiLog()}`);
      await until(() => left("pods,services,statefulsets,pvc"), WAIT_MS, {
        describe: "nothing of the workers is left",
        accept: (names) => names.length === 0,
      });
      const [deleted, also, gone] = await client.call(
        address,
        ["delete_run", { run_id: id }],
        ["delete_run", { run_id: otherId }],
        ["get_run", { run_id: id }],
      );
      assert.equal([deleted?.status, also?.status, gone?.status], [204, 204, 404]);
      await until(() => kubectl("get", "pipelines", "-n", SPACE, "-o", "name"), WAIT_MS, {
        describe: "the Pipeline is gone",
        accept: (names) => names.trim() === "",
      });
    }),
);

/** Lines that the command prints. */
const COUNT = 30;

installation(
  "M-2, M-51, M-60, M-70: the API's pod is killed in mid-run: the next one has the labels and follows the command, and each line is there once",
  () =>
    within(STEP_MS, async () => {
      const before = await master();
      const id = await forwarded(async (address) => {
        const program = `import time\nfor n in range(${COUNT}):\n  print("line", n, flush=True); time.sleep(0.5)`;
        const hexadecimal = (one: string): string => `\\x${one.charCodeAt(0).toString(16).padStart(2, "0")}`;
        const command = `python3 -c exec("${Array.from(program, hexadecimal).join("")}")`;
        const image = { custom_image_name: MLBENCH_WORKER.name, custom_image_command: command };
        const [created] = await client.call(address, [
          "create_run",
          { ...image, name: "Lasting", num_workers: 1, num_cpus: 0, custom_backend: "gloo" },
        ]);
        assert.is(created?.status, 201, created?.text);
        const made = Number(objectOf(created).id);
        await until(() => runOf(address, made), WAIT_MS, {
          describe: "the command has begun",
          accept: ({ job_metadata }) => job_metadata.stdout.includes("line 3"),
          everyMs: 200,
        });
        return made;
      });
      await kubectl("delete", "pod", before, "-n", SPACE, "--grace-period=0", "--force");
      await kubectl("rollout", "status", "deployment/odin-api", "-n", SPACE, "--timeout=170s");
      // It labels itself as soon as it runs; whether it is to be reached is the kubelet's to say.
      await kubectl("wait", "--for=condition=Ready", `pod/${await master(before)}`, "-n", SPACE, "--timeout=170s");
      const { state, job_metadata } = await forwarded((address) => ended(address, id));
      assert.is(state, "finished", job_metadata.stderr.join("\n"));
      assert.equal(
        job_metadata.stdout.filter((line) => line.startsWith("line ")),
        Array.from({ length: COUNT }, (_, n) => `line ${n}`),
      );
      // As the page about the removal says it.
      await kubectl("delete", "pipelines", "-n", SPACE, "-l", "odin.io/view=mlbench", "--timeout=2m");
      assert.equal(await left("pods,services,statefulsets,pvc"), []);
    }),
);

/** The rights in a table of the page, as `rightText` has them: rows of resource, verbs and account. */
function rightsOnPage(heading: string): string[] {
  const [, section = ""] = textOf("docs/reference/permissions.md").split(`${heading}\n`);
  const rows = (section.split(/^#/m)[0] ?? "").matchAll(/^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|/gm);
  return [...rows].flatMap(([, resource = "", verbs = "", account = ""]) => {
    const where = resource.startsWith("nodes/") ? {} : { namespace: SPACE };
    return verbs.split(", ").map((verb) => rightText({ account, verb, resource, ...where }));
  });
}

installation(
  "M-75: nothing was refused to the accounts; what MLBench adds to their rights is on the page, and was used but where that says why not",
  () =>
    within(STEP_MS, async () => {
      const env = { PATH: process.env.PATH ?? "", HOME: place.path, KUBECONFIG: cluster.kubeconfig };
      const manifest = await run(join(cluster.commands, "helm"), ["get", "manifest", "odin", "-n", SPACE], { env });
      const requests = await accountRequests([SPACE]);
      assert.equal(
        requests.filter(({ code }) => code === 401 || code === 403),
        [],
      );
      const own = grantedRights(objectsOf(manifest).filter(({ metadata }) => metadata.name.includes("mlbench")));
      assert.equal(own.map(rightText).sort(), rightsOnPage("## With MLBench").sort());
      const explained = rightsOnPage("### Seldom used, or not seen");
      const unused = unusedRights(own, requests).map(rightText);
      assert.equal(
        unused.filter((right) => !explained.includes(right)),
        [],
        "granted, never used, and not explained",
      );
      // Some of those are used now and then: after a crash, or where an answer was lost.
      const texts = own.map(rightText);
      assert.equal(
        explained.filter((right) => !texts.includes(right)),
        [],
        "explained and not granted",
      );
    }),
);

try {
  place = await temporaryDirectory();
  client = await MlbenchClient.install(place.path);
  installation.run();
} catch (error) {
  skip("file", `mlbench-core cannot be installed: ${error instanceof Error ? error.message : String(error)}`);
}
