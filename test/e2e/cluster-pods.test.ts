import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until, within } from "../support/deadline.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const IMAGE = "python:3.11-slim";
const POD_MS = 120_000;

const test = suite<{ namespace: TemporaryNamespace }>("pods on the local cluster");
test.before(async (context) => {
  context.namespace = await temporaryNamespace("pods");
});
test.after(({ namespace }) => namespace.remove());

interface PodStatus {
  phase: string;
  conditions?: { type: string; reason?: string; message?: string }[];
  containerStatuses?: { state: { terminated?: { reason: string; exitCode: number } } }[];
}

/** A pod of one container that runs this Python program. */
function python(name: string, program: string, container: object = {}, spec: object = {}): object {
  const main = { name: "main", image: IMAGE, imagePullPolicy: "IfNotPresent", command: ["python3", "-uc", program] };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { restartPolicy: "Never", containers: [{ ...main, ...container }], ...spec },
  };
}

async function statusOf(namespace: string, pod: string): Promise<PodStatus> {
  return JSON.parse(await kubectl("get", "pod", pod, "-n", namespace, "-o", "json")).status;
}

/** Applies the pod, waits for its end and returns its status. */
async function finished(namespace: string, pod: object, name: string): Promise<PodStatus> {
  await kubectlApply(namespace, pod);
  return until(() => statusOf(namespace, name), POD_MS, {
    describe: `the end of pod ${name}`,
    accept: ({ phase }) => phase === "Succeeded" || phase === "Failed",
    everyMs: 200,
  });
}

test("a pod runs to its end, and its log is there", async ({ namespace: { name } }) => {
  const { phase } = await finished(
    name,
    python("hello", "print('hello from', __import__('sys').version_info[0])"),
    "hello",
  );
  assert.is(phase, "Succeeded");
  assert.is(await kubectl("logs", "hello", "-n", name), "hello from 3\n");
});

test("a command runs in a container while it waits", async ({ namespace: { name } }) => {
  await kubectlApply(name, python("waits", "import time; time.sleep(600)"));
  await kubectl("wait", "--for=condition=Ready", "pod/waits", "-n", name, "--timeout=120s");
  assert.is(
    await within(POD_MS, () => kubectl("exec", "waits", "-n", name, "--", "sh", "-c", "echo $((6 * 7))")),
    "42\n",
  );
  await kubectl("delete", "pod", "waits", "-n", name, "--grace-period=0", "--force", "--wait=false");
});

test("a pod verifies and calls the API server as its service account", async ({ namespace: { name } }) => {
  const program = `
import json, os, ssl, urllib.request
base = "/var/run/secrets/kubernetes.io/serviceaccount/"
tls = ssl.create_default_context(cafile=base + "ca.crt")
url = "https://%s:%s/apis/authentication.k8s.io/v1/selfsubjectreviews" % (
    os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"])
body = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).encode()
request = urllib.request.Request(url, body, {
    "Authorization": "Bearer " + open(base + "token").read(), "Content-Type": "application/json"})
print(json.load(urllib.request.urlopen(request, context=tls, timeout=60))["status"]["userInfo"]["username"])
`;
  const { phase } = await finished(name, python("caller", program), "caller");
  const log = await kubectl("logs", "caller", "-n", name);
  assert.is(phase, "Succeeded", log);
  assert.is(log, `system:serviceaccount:${name}:default\n`);
});

test("the restricted security settings hold: no root, no writable root, no capabilities", async ({
  namespace: { name },
}) => {
  const program = `
import os, tempfile
assert os.getuid() == 1000, os.getuid()
try:
    open("/written", "w")
    raise SystemExit("the root file system is writable")
except OSError as e:
    print(e.strerror)
print(next(l for l in open("/proc/self/status") if l.startswith("CapEff")).split()[1])
open("/tmp/scratch", "w").write("kept in memory")
`;
  const container = {
    securityContext: {
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
  };
  const spec = {
    securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
    volumes: [{ name: "tmp", emptyDir: {} }],
  };
  const { phase } = await finished(name, python("restricted", program, container, spec), "restricted");
  const log = await kubectl("logs", "restricted", "-n", name);
  assert.is(phase, "Succeeded", log);
  assert.is(log, "Read-only file system\n0000000000000000\n");
});

test("a container over its memory limit is killed and says so", async ({ namespace: { name } }) => {
  const hungry = python("hungry", "x = bytearray(200 * 1024 * 1024); print(len(x))", {
    resources: { limits: { memory: "48Mi" } },
  });
  const { phase, containerStatuses } = await finished(name, hungry, "hungry");
  assert.is(phase, "Failed");
  assert.equal(containerStatuses?.[0]?.state.terminated?.reason, "OOMKilled");
  assert.equal(containerStatuses?.[0]?.state.terminated?.exitCode, 137);
});

test("a CPU limit slows a container down", async ({ namespace: { name } }) => {
  const program =
    "import time; s = time.time(); c = time.process_time()\nwhile time.time() - s < 3: pass\nprint((time.process_time() - c) / 3)";
  const { phase } = await finished(name, python("slow", program, { resources: { limits: { cpu: "200m" } } }), "slow");
  assert.is(phase, "Succeeded");
  const share = Number(await kubectl("logs", "slow", "-n", name));
  assert.ok(share > 0 && share < 0.5, `used ${share} of a CPU`);
});

test("pods that ask for GPUs are placed while there are some, and wait when there are not", async ({
  namespace: { name },
}) => {
  const gpus = (count: number) => ({ resources: { limits: { "nvidia.com/gpu": String(count) } } });
  const { phase } = await finished(name, python("one-gpu", "print('ran')", gpus(1)), "one-gpu");
  assert.is(phase, "Succeeded");
  await kubectlApply(name, python("five-gpus", "print('never')", gpus(5)));
  const status = await until(() => statusOf(name, "five-gpus"), POD_MS, {
    describe: "five-gpus is judged by the scheduler",
    accept: ({ conditions }) => conditions?.some((c) => c.reason === "Unschedulable") ?? false,
  });
  assert.is(status.phase, "Pending");
  assert.match(
    status.conditions?.find((c) => c.reason === "Unschedulable")?.message ?? "",
    /Insufficient nvidia.com\/gpu/,
  );
});

test("a pod is reached through a service", async ({ namespace: { name } }) => {
  const server = python("server", "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8000)", {
    readinessProbe: { httpGet: { path: "/", port: 8000 }, periodSeconds: 1 },
  });
  const labelled = { ...server, metadata: { name: "server", labels: { app: "server" } } };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "server" },
    spec: { selector: { app: "server" }, ports: [{ port: 80, targetPort: 8000 }] },
  };
  await kubectlApply(name, labelled, service);
  await kubectl("wait", "--for=condition=Ready", "pod/server", "-n", name, "--timeout=120s");
  const address = await kubectl("get", "service", "server", "-n", name, "-o", "jsonpath={.spec.clusterIP}");
  const program = `
import time, urllib.request
while True:
    try:
        print(urllib.request.urlopen("http://${address}", timeout=10).status)
        break
    except OSError:
        time.sleep(0.1)  # until kube-proxy knows the service
`;
  await finished(name, python("client", program), "client");
  assert.is(await kubectl("logs", "client", "-n", name), "200\n");
});

test.run();
