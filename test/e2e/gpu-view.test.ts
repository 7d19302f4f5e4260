// timeout: 900
/** The view of GPUs beside a real node: an exporter and a sender in pods, and a task that holds a GPU. */
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../support/deadline.ts";
import { sampleText } from "../support/gpu-text.ts";
import { kubectl, kubectlApply, testVariable } from "../support/kubectl.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { SlackServer } from "../support/slack-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import { send } from "../unit/api/served.ts";

const WAIT_MS = 180_000;
const IMAGE = "python:3.11-slim";
const TOKEN = "a token of the tests";
/** Label of its exporter: one of its own, for whatever looks for the usual ones in all namespaces of this cluster would find it beside its own. */
const EXPORTER = ["odin.test/exporter", "gpu-view"] as const;
/** A node without a kubelet, whose exporter is at a fixed address. */
const GHOST = "gpu-ghost";

/** What the sender of machines outside the cluster does with its two calls, and what a person there would see with `curl`. */
const INSIDE = `
import json, os, sys, urllib.error, urllib.parse, urllib.request
address = os.environ["ADDRESS"]
def ask(path, body=None, **values):
    url = address + path + "?" + urllib.parse.urlencode(values)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=120) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]
token = os.environ["TOKEN"]
told = {"table": ask("/", term="true")}
if len(sys.argv) > 1:
    registered = json.loads(ask("/register/", host_name=sys.argv[1], token=token)[1])
    gpu = {"device_num": "0", "uuid": "GPU-1", "gpu_name": "NVIDIA T4", "timestamp": "2026/11/20 23:39:31.204", "temperature": "40",
           "total_memory": "15360", "available_memory": "15000", "used_memory": "360", "gpu_volatile": "7", "processes": []}
    body = json.dumps({"gpu:0": gpu}).encode()
    told["registered"] = registered
    told["posted"] = json.loads(ask("/update/host/" + registered["id"], body, token=token)[1])
print("TOLD " + json.dumps(told))
`;

interface Told {
  table: [number, string];
  registered?: { status_code: number; register_name: string };
  posted?: { status_code: number };
}
interface ShownHost {
  data: { gpu_data: Record<string, { processes: { name: string; user: string }[]; gpu_name: string }> }[];
  ip_address: string;
  status: string;
  source: string;
}

const view = suite("the view of GPUs beside a real node");
let namespace: TemporaryNamespace;
let place: TemporaryDirectory;
let slack: SlackServer;
let odin: OdinProcess;
let port = 0;
let exporterAddress = "";

async function startOdin(validNetwork: string): Promise<void> {
  odin = new OdinProcess("all", {
    ODIN_NAMESPACE: namespace.name,
    // Pods ask it, too.
    ODIN_LISTEN: "0.0.0.0:0",
    ODIN_REPOSITORY: join(place.path, "jobs"),
    ODIN_STORE: join(place.path, "store.db"),
    ODIN_SECRET: "the secret of the end-to-end tests, long enough",
    ODIN_LEADER_ELECT: "false",
    ODIN_INSTALL_CRDS: "false",
    ODIN_DCGM_NAMESPACE: namespace.name,
    ODIN_DCGM_SELECTORS: `${EXPORTER[0]}=${EXPORTER[1]}`,
    ODIN_DCGM_TARGETS: `${GHOST}=http://${exporterAddress}:9400/metrics`,
    ODIN_GPU_INTERVAL: "1",
    VESTA_TOKEN: TOKEN,
    VESTA_VALID_NETWORK: validNetwork,
    VESTA_SAVE_INTERVAL: "1",
    // No pause of a loaded machine is to be told as a loss.
    VESTA_DOWN_TH: "600",
    VESTA_SERVER_UP_MSG: "",
    VESTA_SLACK_WEBHOOK: slack.webhookUrl,
  });
  await odin.untilSaid('"msg":"ready"');
  port = Number(/"url":"http:\/\/0\.0\.0\.0:(\d+)"/.exec(odin.output)?.[1]);
}

view.before(async () => {
  try {
    namespace = await temporaryNamespace("gpu-view");
    place = await temporaryDirectory();
    slack = await SlackServer.open();
    await kubectlApply(undefined, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: GHOST },
      spec: { unschedulable: true, taints: [{ key: "odin.io/test", effect: "NoSchedule" }] },
    });
    await startExporter();
    await startOdin("127.0.0.1");
  } catch (error) {
    console.error(error, odin?.output);
    throw error;
  }
});
view.after(async () => {
  await odin?.end("SIGTERM");
  await kubectl("delete", "node", GHOST, "--ignore-not-found");
  await namespace?.remove();
  await slack?.close();
  await place?.remove();
});

/** A pod that serves an exporter's text, whose first GPU is held by the task that will run. */
async function startExporter(): Promise<void> {
  const metrics = sampleText("dcgm-4gpu")
    .replaceAll('container="train"', 'container="main"')
    .replaceAll('namespace="default"', `namespace="${namespace.name}"`)
    .replaceAll('pod="resnet-run-mlbench-worker-rel-2-0"', 'pod="holds--train"');
  await kubectlApply(
    namespace.name,
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "exporter" }, data: { metrics } },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "exporter", labels: { [EXPORTER[0]]: EXPORTER[1] } },
      spec: {
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: "exporter",
            image: IMAGE,
            command: ["python3", "-m", "http.server", "9400", "--directory", "/text"],
            ports: [{ name: "metrics", containerPort: 9400 }],
            readinessProbe: { httpGet: { path: "/metrics", port: "metrics" }, periodSeconds: 1 },
            volumeMounts: [{ name: "text", mountPath: "/text" }],
          },
        ],
        volumes: [{ name: "text", configMap: { name: "exporter" } }],
      },
    },
  );
  await kubectl("wait", "--for=condition=Ready", "pod/exporter", "-n", namespace.name, "--timeout=120s");
  exporterAddress = await kubectl("get", "pod", "exporter", "-n", namespace.name, "-o", "jsonpath={.status.podIP}");
}

async function states(): Promise<Record<string, ShownHost>> {
  const { status, text } = await send(port, "GET", "/states/");
  assert.is(status, 200, text);
  return JSON.parse(text) as Record<string, ShownHost>;
}

const untilStates = (
  describe: string,
  accept: (hosts: Record<string, ShownHost>) => boolean,
): Promise<Record<string, ShownHost>> => until(states, WAIT_MS, { describe, accept, everyMs: 300 });

/** Runs the script in a pod and returns what it saw. */
async function fromInside(pod: string, ...args: string[]): Promise<Told> {
  await kubectlApply(namespace.name, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: pod },
    spec: {
      automountServiceAccountToken: false,
      restartPolicy: "Never",
      containers: [
        {
          name: "main",
          image: IMAGE,
          command: ["python3", "-c", INSIDE, ...args],
          env: [
            { name: "ADDRESS", value: `http://${testVariable("ODIN_TEST_HOST_ADDRESS")}:${port}` },
            { name: "TOKEN", value: TOKEN },
          ],
        },
      ],
    },
  });
  const text = await until(() => kubectl("logs", pod, "-n", namespace.name), WAIT_MS, {
    describe: `${pod} has told what it saw`,
    accept: (log) => /^TOLD .+$|^Traceback/m.test(log),
    everyMs: 500,
  });
  const [, line] = /^TOLD (.+)$/m.exec(text) ?? [];
  assert.ok(line, text);
  return JSON.parse(line ?? "{}") as Told;
}

let nodeName = "";
let senderAddress = "";

view(
  "V-8, V-10, V-12, V-13: the exporter's pod is found by its label, and its node shown with its GPUs and who holds them",
  async () => {
    nodeName = await kubectl("get", "pod", "exporter", "-n", namespace.name, "-o", "jsonpath={.spec.nodeName}");
    const hosts = await untilStates(
      "both nodes run",
      (found) => found[nodeName]?.status === "running" && found[GHOST]?.status === "running",
    );
    const shown = hosts[nodeName];
    assert.is(shown?.source, "node");
    const address = 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}';
    assert.is(shown?.ip_address, await kubectl("get", "node", nodeName, "-o", address));
    const gpus = shown?.data[0]?.gpu_data ?? {};
    assert.equal(Object.keys(gpus), ["gpu:0", "gpu:1", "gpu:2", "gpu:3"]);
    assert.is(gpus["gpu:0"]?.gpu_name, "NVIDIA H100 80GB HBM3");
    assert.equal(
      gpus["gpu:0"]?.processes.map(({ name, user }) => [name, user]),
      [["holds--train/main", namespace.name]],
    );
    assert.equal(gpus["gpu:2"]?.processes, []);
  },
);

view("V-54: the page names the pipeline and the task that hold the GPU", async () => {
  await kubectlApply(namespace.name, {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name: "holds" },
    spec: {
      tasks: [
        { name: "train", image: IMAGE, command: ["sleep", "3600"], numGpus: 1, terminationGracePeriodSeconds: 1 },
      ],
    },
  });
  const path = `/?fetch_element=true&element=${nodeName}`;
  const { json } = await until(() => send(port, "GET", path), WAIT_MS, {
    describe: "the block names the task",
    accept: (answer) => /holds[^-]/.test(String(answer.json.element)) && /train/.test(String(answer.json.element)),
    everyMs: 500,
  });
  assert.is(json.found, true);
  assert.match(String(json.element), /<a [^>]*href="[^"]*holds/);
  await kubectl("delete", "pipeline", "holds", "-n", namespace.name, "--wait=false");
});

view(
  "V-21, V-23, V-25: from inside, a pod that is not on the list sees nothing; with the token it registers and posts",
  async () => {
    const told = await fromInside("sender", "rack.7");
    assert.is(told.table[0], 403);
    assert.match(told.table[1], /forbidden/);
    assert.equal([told.registered?.status_code, told.registered?.register_name], [200, "rack_7"]);
    assert.is(told.posted?.status_code, 200);
    const { rack_7: host } = await states();
    assert.equal([host?.status, host?.source], ["running", "sender"]);
    assert.is(host?.data[0]?.gpu_data["gpu:0"]?.gpu_name, "NVIDIA T4");
    senderAddress = host?.ip_address ?? "";
    assert.match(senderAddress, /^\d+\.\d+\.\d+\.\d+$/);
  },
);

view("V-8: when the node is deleted its host leaves, and no word of it goes out", async () => {
  const said = await until(() => slack.webhookTexts, WAIT_MS, {
    describe: "the three were welcomed",
    accept: (texts) => [nodeName, GHOST, "rack_7"].every((name) => texts.some((text) => text.includes(name))),
  });
  assert.is(said.length, 3, said.join("\n"));
  await kubectl("delete", "node", GHOST);
  await untilStates("the host is gone", (found) => found[GHOST] === undefined);
});

view(
  "V-5, V-11, V-21: started again, it shows the same hosts as running without a word, and the table to whom the list names",
  async () => {
    const before = await states();
    assert.is(await odin.end("SIGTERM"), 0);
    // Another pod has another address of the same network.
    await startOdin(`127.0.0.1,${senderAddress.replace(/\.\d+$/, ".0/24")}`);
    const after = await untilStates("it knows its hosts", (found) => Object.keys(found).length === 2);
    assert.equal(
      Object.entries(after).map(([name, { status }]) => [name, status]),
      Object.keys(before).map((name) => [name, "running"]),
    );
    const told = await fromInside("visitor");
    assert.is(told.table[0], 200, told.table[1]);
    for (const text of [`|${nodeName}`, "|rack_7", " 0:NVIDIA T4", " 0:NVIDIA H100 80GB HBM3"])
      assert.ok(told.table[1].includes(text), `${text}:\n${told.table[1]}`);
    assert.is(slack.webhookTexts.length, 3, slack.webhookTexts.join("\n"));
  },
);

view.run();
