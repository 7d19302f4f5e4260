// timeout: 1500
/** The chart on a real API server: what it takes, what its accounts may do, and what outlives a release. No node is there, so its pods never run. */
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { KubeClient } from "../../../kube/client.ts";
import { writeAccountKubeconfig } from "../../support/account-kubeconfig.ts";
import { auditedRequests } from "../../support/audit-log.ts";
import { CASES, chartCases, rendered } from "../../support/chart-cases.ts";
import { until } from "../../support/deadline.ts";
import { Health } from "../../support/health.ts";
import { CHART, helm, helmDone, objectsOf, type Rendered } from "../../support/helm.ts";
import { kubectl, kubectlApply, kubectlDryRun, kubectlWithInput, testVariable } from "../../support/kubectl.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { PodPlayer } from "../../support/pod-player.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { kubeConfig } from "../api/facade-stage.ts";

const WAIT_MS = 180_000;
/** Kinds that a cluster has only if somebody has installed them, and the definitions, which the server has from another hand. */
const NOT_HERE = /^(PodMonitor|ServiceMonitor|PrometheusRule|HTTPRoute|CustomResourceDefinition)$/;
const SET = ["--set", "crds.install=false"];

const release = suite("a release of the chart");
let namespace: TemporaryNamespace;
/** One in which there is nothing. */
let empty: TemporaryNamespace;
/** What the chart makes of each value set, for the empty namespace. */
const renders = new Map<string, Rendered[]>();
let directory: TemporaryDirectory;
let client: KubeClient;
let player: PodPlayer | undefined;
const processes: OdinProcess[] = [];
const inNamespace = (): string[] => ["--namespace", namespace.name];
const file = (account: string): string => join(directory.path, account);

release.before(async () => {
  try {
    namespace = await temporaryNamespace("helm");
    empty = await temporaryNamespace("helm-empty");
    for (const name of chartCases()) renders.set(name, objectsOf(await rendered(name, empty.name)));
    directory = await temporaryDirectory();
    client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
    await helmDone(["install", "odin", CHART, ...inNamespace(), ...SET], testVariable("KUBECONFIG"));
    for (const account of ["odin-operator", "odin-api"])
      await writeAccountKubeconfig(file(account), namespace.name, account);
    const shared = pod({ hostNetwork: true });
    await until(() => as("odin-operator", shared, "create", "--dry-run=server", "-f", "-"), WAIT_MS, {
      describe: "the rights and the policies are in force",
      accept: (said) => /do not share the network/.test(said),
    });
    player = new PodPlayer(client, namespace.name, () => 50);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
release.after(async () => {
  for (const process of processes) await process.end("SIGKILL");
  await player?.stop();
  await helmDone(["uninstall", "odin", ...inNamespace(), "--ignore-not-found"], testVariable("KUBECONFIG")).catch(
    console.error,
  );
  client?.close();
  await namespace?.remove();
  await empty?.remove();
  await directory?.remove();
});

/** What of the Secret is told apart: the key that signs tokens and the password. */
function login(): Promise<string> {
  return kubectl("get", "secret", "odin-auth", ...inNamespace(), "-o", "jsonpath={.data}");
}

/** Tries something as an account; what the server says, good or bad. */
function as(account: string, input: object, ...args: string[]): Promise<string> {
  return kubectlWithInput(JSON.stringify(input), [...args, "--kubeconfig", file(account), ...inNamespace()]).catch(
    (error: Error) => error.message,
  );
}

function start(command: "operator" | "api", environment: Record<string, string> = {}): OdinProcess {
  const started = new OdinProcess(command, {
    KUBECONFIG: file(`odin-${command}`),
    ODIN_NAMESPACE: namespace.name,
    ODIN_LEASE_NAMESPACE: namespace.name,
    ODIN_INSTALL_CRDS: "false",
    ...environment,
  });
  processes.push(started);
  return started;
}

for (const name of chartCases()) {
  release(`the API server takes everything that the values of ${name} make`, async () => {
    const objects = (renders.get(name) ?? []).filter(({ kind }) => !NOT_HERE.test(kind));
    assert.ok(objects.length > 5);
    for (const object of objects) if (object.metadata.namespace !== undefined) object.metadata.namespace = empty.name;
    const said = await kubectlDryRun(undefined, ...objects);
    assert.is(said.split("\n").filter((line) => / \(server dry run\)$/.test(line)).length, objects.length, said);
    assert.not.match(said, /Warning/, said);
  });
}

release("a run goes from launch to DONE, is cleaned up, and nothing is refused to the accounts", async () => {
  await player?.start();
  const operator = start("operator");
  await operator.untilSaid("running as leader");
  const health = await Health.of(operator);
  await until(() => health.readiness(), WAIT_MS, {
    describe: "the operator is ready and lacks no right",
    accept: ({ status, text }) => status === 200 && text.trim() === "ok",
  });
  const data = JSON.parse(await login()) as Record<string, string>;
  const decoded = (key: string): string => Buffer.from(data[key] ?? "", "base64").toString();
  const api = start("api", {
    ODIN_LISTEN: "127.0.0.1:0",
    ODIN_SECRET: decoded("secret"),
    ODIN_ROOT_USER: "root",
    ODIN_ROOT_PASS: decoded("root-password"),
    ODIN_DCGM_VIA: "pods",
    // As the chart says them: the lease of the GPU view is named by the release.
    MLBENCH_ENABLED: "false",
    MLBENCH_KUBE_RELEASENAME: "odin",
  });
  await api.untilSaid('"msg":"ready"');
  const url = /"url":"(http:[^"]+)"/.exec(api.output)?.[1] ?? "";
  const credential = `Basic ${Buffer.from(`root:${decoded("root-password")}`).toString("base64")}`;
  const call = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${url}/v1/${path}`, {
      method,
      headers: { authorization: credential, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? {} : JSON.parse(text);
  };
  await call("POST", "users", { user: { username: "ada", password: "ada's password" } });
  await call("DELETE", "users/ada");
  await call("GET", "nodes");
  await call("POST", "jobs", { job: { name: "hello", tasks: [{ name: "a", image: "i", command: ["c"] }] } });
  const { pipeline } = await call("POST", "pipelines", { pipeline: { job: "hello" } });
  const { id } = pipeline as { id: string };
  const run = async (): Promise<Pipeline> =>
    JSON.parse(await kubectl("get", "pipeline", id, ...inNamespace(), "-o", "json"));
  await until(run, WAIT_MS, { describe: "the run is done", accept: ({ status }) => status?.phase === "DONE" });
  assert.is((await run()).spec.user, "root");
  await call("DELETE", `pipelines/${id}?db=true`);
  await until(() => kubectl("get", "pods", ...inNamespace(), "-l", `odin.io/pipeline=${id}`, "-o", "name"), WAIT_MS, {
    describe: "the pods of the run are gone",
    accept: (names) => names === "",
  });
  assert.is(await operator.end("SIGTERM"), 0);
  assert.is(await api.end("SIGTERM"), 0);
  const ours = (await auditedRequests(namespace.name)).filter(({ userAgent }) =>
    /^odin-(operator|api)/.test(userAgent),
  );
  assert.ok(ours.length > 30);
  assert.equal(
    ours
      .filter(({ code }) => code === 401 || code === 403)
      .map(({ verb, resource, subresource, userAgent }) => [userAgent, verb, resource, subresource].join(" ")),
    [],
  );
});

const pod = (spec: object = {}, labels: object = { "app.kubernetes.io/managed-by": "odin" }): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "tried", labels },
  spec: { containers: [{ name: "c", image: "i" }], ...spec },
});

release("the operator's account makes no pods that a Pipeline could not ask for", async () => {
  const tries: [spec: object, refusal: RegExp][] = [
    [pod({}, {}), /only what carries the label/],
    [pod({ hostNetwork: true }), /do not share the network/],
    [pod({ hostPID: true }), /do not share the network/],
    [pod({ volumes: [{ name: "v", hostPath: { path: "/" } }] }), /do not mount directories of their node/],
    [pod({ containers: [{ name: "c", image: "i", securityContext: { privileged: true } }] }), /are not privileged/],
    [pod({ serviceAccountName: "odin-api" }), /tasks run under the service account/],
  ];
  for (const [object, refusal] of tries)
    assert.match(await as("odin-operator", object, "create", "--dry-run=server", "-f", "-"), refusal);
  assert.match(await as("odin-operator", pod(), "create", "--dry-run=server", "-f", "-"), /pod\/tried created/);
});

release("what is refused to pods is refused to the pods of Jobs", async () => {
  const labels = { "app.kubernetes.io/managed-by": "odin" };
  const job = (spec: object): object => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "tried", labels },
    spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }], ...spec } } },
  });
  const create = ["create", "--dry-run=server", "-f", "-"];
  assert.match(await as("odin-operator", job({ hostNetwork: true }), ...create), /do not share the network/);
  assert.match(await as("odin-operator", job({ serviceAccountName: "odin-api" }), ...create), /tasks run under/);
  assert.match(await as("odin-operator", job({}), ...create), /job.batch\/tried created/);
});

release("the pods of every value set hold to the restricted profile, by the API server's own judgement", async () => {
  const enforce = "pod-security.kubernetes.io/enforce=restricted";
  await kubectl("label", "namespace", empty.name, enforce);
  const pods: object[] = [];
  for (const [name, objects] of renders) {
    for (const { kind, metadata, spec } of objects) {
      if (kind !== "Deployment") continue;
      const { template } = spec as { template: { metadata: object; spec: object } };
      pods.push({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { ...template.metadata, name: `${name}-${metadata.name}` },
        // Neither the accounts nor the priority class are there.
        spec: { ...template.spec, serviceAccountName: "default", priorityClassName: "" },
      });
    }
  }
  const said = await kubectlDryRun(empty.name, ...pods);
  assert.is(said.match(/ created \(server dry run\)$/gm)?.length, pods.length, said);
  assert.not.match(said, /Warning/, said);
});

release("a second release in a namespace is refused", async () => {
  const args = ["install", "second", CHART, ...inNamespace(), ...SET, "--dry-run=server"];
  const { exitCode, stderr } = await helm(args, testVariable("KUBECONFIG"));
  assert.is(exitCode, 1);
  assert.match(stderr, /the release odin is in the namespace \S+ already/);
});

release("editors and viewers of a namespace get the same rights over Jobs and Pipelines", async () => {
  const can = async (role: string, verb: string): Promise<string> => {
    const { rules } = JSON.parse(await kubectl("get", "clusterrole", role, "-o", "json")) as {
      rules: { apiGroups?: string[]; resources?: string[]; verbs: string[] }[];
    };
    const given = rules.some(
      ({ apiGroups, resources, verbs }) =>
        apiGroups?.includes("odin.io") && resources?.includes("pipelines") && verbs.includes(verb),
    );
    return given ? "yes" : "no";
  };
  for (const [role, verb] of [
    ["view", "watch"],
    ["edit", "create"],
    ["admin", "delete"],
  ] as const)
    await until(() => can(role, verb), WAIT_MS, { describe: `${role} may ${verb}`, accept: (said) => said === "yes" });
  assert.is(await can("view", "create"), "no");
});

release("with the definitions there, the administrator of a namespace can install in it", async () => {
  const own = await temporaryNamespace("helm-own");
  try {
    const account = `${own.name}:installer`;
    await kubectl("create", "serviceaccount", "installer", "--namespace", own.name);
    const binding = ["create", "rolebinding", "installer", "--clusterrole=admin", `--serviceaccount=${account}`];
    await kubectl(...binding, "--namespace", own.name);
    await writeAccountKubeconfig(file("installer"), own.name, "installer");
    const values = join(CASES, "one-namespace.values.yaml");
    const only = `clockwork.namespaces={${own.name}}`;
    const args = ["odin", CHART, "--namespace", own.name, "--values", values, "--set", only];
    // Until the API server has seen the binding.
    await until(() => helmDone(["upgrade", "--install", ...args], file("installer")), WAIT_MS, {
      describe: "the administrator of the namespace installs",
    });
    const roles = await kubectl("get", "roles", "--namespace", own.name, "-o", "name");
    assert.match(roles, /odin-operator\n/);
    await helmDone(["uninstall", "odin", "--namespace", own.name], file("installer"));
  } finally {
    await own.remove();
  }
});

release("the accounts touch only what is Odin's", async () => {
  const foreign = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "foreign" }, data: { a: "b" } };
  await kubectlApply(namespace.name, foreign, { ...pod(), metadata: { name: "foreign" } });
  for (const what of ["configmap/foreign", "pod/foreign"])
    assert.match(
      await as("odin-operator", {}, "delete", what, "--wait=false"),
      /only what carries the label app.kubernetes.io\/managed-by=odin/,
    );
  const patch = ["patch", "configmap", "foreign", "--type=merge", "-p"];
  const mine = { metadata: { labels: { "app.kubernetes.io/managed-by": "odin", "odin.io/snapshot": "true" } } };
  assert.match(await as("odin-operator", {}, ...patch, JSON.stringify(mine)), /only what carries the label/);
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "plain", labels: mine.metadata.labels } };
  assert.match(await as("odin-api", secret, "create", "-f", "-"), /only Secrets that are users/);
  await kubectl("delete", "pod/foreign", "configmap/foreign", ...inNamespace(), "--wait=false");
});

release("users are written by the API and by administrators, whoever else may write Secrets", async () => {
  const rules = [{ apiGroups: [""], resources: ["secrets"], verbs: ["create"] }];
  const api = "rbac.authorization.k8s.io";
  await kubectlApply(
    namespace.name,
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "editor" } },
    { apiVersion: `${api}/v1`, kind: "Role", metadata: { name: "editor" }, rules },
    {
      apiVersion: `${api}/v1`,
      kind: "RoleBinding",
      metadata: { name: "editor" },
      roleRef: { apiGroup: api, kind: "Role", name: "editor" },
      subjects: [{ kind: "ServiceAccount", name: "editor", namespace: namespace.name }],
    },
  );
  await writeAccountKubeconfig(file("editor"), namespace.name, "editor");
  const user = { apiVersion: "v1", kind: "Secret", type: "odin.io/user", metadata: { name: "odin-user-eve" } };
  const plain = { ...user, type: "Opaque", metadata: { name: "plain" } };
  const create = ["create", "--dry-run=server", "-f", "-"];
  await until(() => as("editor", plain, ...create), WAIT_MS, {
    describe: "the editor may make a Secret",
    accept: (said) => /secret\/plain created/.test(said),
  });
  assert.match(await as("editor", user, ...create), /users of Odin are written by its REST API/);
  assert.match(await kubectlWithInput(JSON.stringify(user), [...create, ...inNamespace()]), /odin-user-eve created/);
});

const command = (...args: string[]): Promise<string> =>
  helmDone([...args, ...inNamespace()], testVariable("KUBECONFIG"));

release("an upgrade and a new installation find the key, the password and the volumes again", async () => {
  const before = await login();
  assert.is(Buffer.from(JSON.parse(before).secret, "base64").length, 64);
  await command("upgrade", "odin", CHART, ...SET);
  assert.is(await login(), before);
  await command("uninstall", "odin");
  assert.is(await login(), before);
  const claims = await kubectl("get", "pvc", ...inNamespace(), "-o", "name");
  assert.is(claims, "persistentvolumeclaim/odin-jobs\npersistentvolumeclaim/odin-store\n");
  const ours = ["-o", "name", "-l", "app.kubernetes.io/instance=odin"];
  assert.is(await kubectl("get", "deployments,services,roles,networkpolicies", ...inNamespace(), ...ours), "");
  await command("install", "odin", CHART, ...SET);
  assert.is(await login(), before);
});

release("a key that was changed is brought back neither by an upgrade nor by a rollback", async () => {
  const patch = JSON.stringify({ stringData: { secret: "another key that is long enough, by hand" } });
  await kubectl("patch", "secret", "odin-auth", ...inNamespace(), "--type=merge", "-p", patch);
  const changed = await login();
  await command("upgrade", "odin", CHART, ...SET);
  assert.is(await login(), changed);
  await command("rollback", "odin", "1");
  assert.is(await login(), changed);
});

release("what the notes say can be done", async () => {
  const notes = await helmDone(["get", "notes", "odin", ...inNamespace()], testVariable("KUBECONFIG"));
  const line = /kubectl (.* get secret odin-auth .*)--output (go-template='.*')/.exec(notes);
  assert.ok(line, notes);
  const password = await kubectl(
    ...(line[1] ?? "").trim().split(/\s+/),
    "--output",
    (line[2] ?? "").replaceAll("'", ""),
  );
  assert.match(password, /^[A-Za-z0-9]{24}$/);
  for (const [, name = ""] of notes.matchAll(/deployment\/(\S+)/g))
    assert.match(await kubectl("get", "deployment", name, ...inNamespace(), "-o", "name"), name);
  assert.match(await kubectl("get", "service", "odin-http", ...inNamespace(), "-o", "name"), "service/odin-http");
});
release("without keepData nothing is left of a release", async () => {
  await command("upgrade", "odin", CHART, ...SET, "--set", "keepData=false");
  await command("uninstall", "odin");
  await until(() => kubectl("get", "pvc,secrets", ...inNamespace(), "-o", "name"), WAIT_MS, {
    describe: "the volumes and the Secret are gone; users stay",
    accept: (left) => left.split("\n").every((name) => name === "" || name.startsWith("secret/odin-user-")),
  });
});
release.run();
