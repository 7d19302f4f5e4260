import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../support/deadline.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const IMAGE = "python:3.11-slim";
const POD_MS = 120_000;

/** Prints the addresses of each name given, one line per name, and the reason where there are none. */
const ASK = `
import socket, sys
for name in sys.argv[1:]:
    try:
        print(name, *sorted({a[4][0] for a in socket.getaddrinfo(name, None, socket.AF_INET)}))
    except socket.gaierror as error:
        print(name, {socket.EAI_NONAME: "unknown", socket.EAI_AGAIN: "no answer"}.get(error.errno, error))
`;

const test = suite<{ namespace: TemporaryNamespace }>("names on the local cluster");
test.before(async (context) => {
  const namespace = await temporaryNamespace("dns");
  context.namespace = namespace;
  const { name } = namespace;
  const selector = { group: "workers" };
  const ports = [{ port: 80, targetPort: 8000 }];
  await kubectlApply(
    name,
    service("workers", { clusterIP: "None", selector, ports }),
    service("front", { selector, ports }),
    pod("worker-0", { hostname: "worker-0", subdomain: "workers" }, selector),
    pod("asker"),
  );
  await kubectl("wait", "--for=condition=Ready", "pod", "--all", "-n", name, `--timeout=${POD_MS / 1000}s`);
});
test.after(({ namespace }) => namespace.remove());

function service(name: string, spec: object): object {
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec };
}

/** A pod that waits until it is deleted. */
function pod(name: string, spec: object = {}, labels: Record<string, string> = {}): object {
  const program = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit()); signal.pause()";
  const main = { name: "main", image: IMAGE, imagePullPolicy: "IfNotPresent", command: ["python3", "-c", program] };
  return { apiVersion: "v1", kind: "Pod", metadata: { name, labels }, spec: { containers: [main], ...spec } };
}

/** What a pod of the namespace gets for these names; `options` are those of resolv.conf(5). */
async function resolved(namespace: string, names: string[], options = ""): Promise<Record<string, string>> {
  const command = ["env", `RES_OPTIONS=${options}`, "python3", "-c", ASK, ...names];
  const output = await kubectl("exec", "asker", "-n", namespace, "--", ...command);
  const lines = output.trim().split("\n");
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]));
}

test("the API server has its name, asked for over UDP and over TCP", async ({ namespace: { name } }) => {
  for (const options of ["", "use-vc"]) {
    assert.equal(
      await resolved(name, ["kubernetes.default.svc.cluster.local", "kubernetes.default"], options),
      { "kubernetes.default.svc.cluster.local": "10.96.0.1", "kubernetes.default": "10.96.0.1" },
      options,
    );
  }
});

test("a service has its address, a pod of a headless service its own", async ({ namespace: { name } }) => {
  const [worker, front] = await Promise.all([
    kubectl("get", "pod", "worker-0", "-n", name, "-o", "jsonpath={.status.podIP}"),
    kubectl("get", "service", "front", "-n", name, "-o", "jsonpath={.spec.clusterIP}"),
  ]);
  const expected = {
    [`front.${name}.svc.cluster.local`]: front,
    front,
    [`workers.${name}.svc.cluster.local`]: worker,
    [`worker-0.workers.${name}.svc.cluster.local`]: worker,
    "worker-0.workers": worker,
  };
  // The endpoints controller and the name server hear of the pod's readiness a moment after it.
  const found = await until(() => resolved(name, Object.keys(expected)), POD_MS, {
    describe: "the names of the headless service",
    accept: (answers) => !Object.values(answers).includes("unknown"),
  });
  assert.equal(found, expected);
});

test("a name of the cluster that is nobody's is known to be nobody's", async ({ namespace: { name } }) => {
  const nobody = `nobody.${name}.svc.cluster.local`;
  assert.equal(await resolved(name, [nobody]), { [nobody]: "unknown" });
});

test("the kubelet does not warn of missing DNS", async ({ namespace: { name } }) => {
  const reasons = await until(
    () => kubectl("get", "events", "-n", name, "-o", "jsonpath={.items[?(@.involvedObject.name=='asker')].reason}"),
    POD_MS,
    { describe: "the event of the container's start", accept: (text) => text.includes("Started") },
  );
  assert.not.match(reasons, /MissingClusterDNS/);
});

test.run();
