// timeout: 600, on demand
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import type { Fault, SeenRequest } from "../../integration/kube/fault.ts";
import { until } from "../../support/deadline.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { chain, type Ground, task } from "../ground.ts";
import { faultCase } from "../row.ts";

const refusals = suite("refusals");
const RESOURCE_KINDS = { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] };
const WRITES = new Set(["POST", "PATCH", "DELETE"]);
const isWrite = ({ method, url }: SeenRequest) => WRITES.has(method) && /\/(pods|pipelines)/.test(url);

faultCase(refusals, "F-11", "a pod of the name is there already", async (ground) => {
  await kubectlApply(ground.namespace, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "run--a" },
    spec: { containers: [{ name: "c", image: "i" }] },
  });
  await ground.start();
  await ground.create("run", [task("a"), task("b", "a")]);
  const { status } = await ground.untilEnded("run", "TERMINATED");
  assert.is(status?.tasks?.a?.reason, "NameCollision");
  assert.match(status?.message ?? "", "run--a");
});

faultCase(refusals, "F-12", "a quota for one pod holds back the others until there is room", async (ground) => {
  ground.allowance.writes = 40;
  await kubectlApply(ground.namespace, {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "pods" },
    spec: { hard: { pods: "1" } },
  });
  await until(
    () => kubectl("get", "resourcequota", "pods", "-n", ground.namespace, "-o", "jsonpath={.status.hard}"),
    60_000,
    { describe: "the quota is known to the server" },
  );
  await ground.start();
  ground.node.direct = () => "run";
  await ground.create("run", [task("a"), { ...task("b"), retries: 1 }]);
  const held = await ground.untilRun("run", "waits for quota", ({ status }) =>
    Object.values(status?.tasks ?? {}).some(({ reason }) => reason === "QuotaExceeded"),
  );
  const [name = ""] = Object.entries(held.status?.tasks ?? {}).find(([, one]) => one.reason === "QuotaExceeded") ?? [];
  assert.match(held.status?.tasks?.[name]?.message ?? "", /exceeded quota: pods/);
  assert.is(held.status?.tasks?.[name]?.state, "waiting");
  ground.node.direct = () => "succeed";
  // A pod that has ended no longer counts.
  await ground.node.set(name === "a" ? "run--b" : "run--a", "succeed");
  const done = await ground.untilEnded("run");
  assert.is(done.status?.tasks?.b?.attempt, 1, "no retry was used up");
});

/** An account that may do everything in the namespace, and its token. */
async function account(ground: Ground, name: string): Promise<string> {
  const metadata = { name, namespace: ground.namespace };
  await kubectlApply(ground.namespace, { apiVersion: "v1", kind: "ServiceAccount", metadata }, binding(ground, name));
  return (await kubectl("create", "token", name, "-n", ground.namespace)).trim();
}

function binding(ground: Ground, name: string): object {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name, namespace: ground.namespace },
    subjects: [{ kind: "ServiceAccount", name, namespace: ground.namespace }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
  };
}

async function tokenFile(ground: Ground): Promise<Record<string, unknown>> {
  await writeFile(ground.file("token"), await account(ground, "first"), { mode: 0o600 });
  return { "auth-provider": { name: "tokenFile", config: { tokenFile: ground.file("token") } } };
}

faultCase(
  refusals,
  "F-13",
  "the operator's rights are removed, and come back",
  async (ground) => {
    ground.allowance.writes = 20;
    const { process, proxy } = await ground.start();
    ground.node.direct = () => "run";
    await ground.create("run", chain(3));
    await ground.untilRun("run", "is at t0", ({ status }) => status?.tasks?.t0?.state === "executing");
    await kubectl("delete", "rolebinding", "first", "-n", ground.namespace);
    const account = `system:serviceaccount:${ground.namespace}:first`;
    const may = () => kubectl("auth", "can-i", "create", "pods", "--as", account, "-n", ground.namespace);
    // The server learns of it a moment later. kubectl fails where the answer is no.
    await until(
      () =>
        may().then(
          () => false,
          () => true,
        ),
      60_000,
      { describe: "the right is gone" },
    );
    proxy.endWatches();
    ground.node.direct = () => "succeed";
    await ground.node.set("run--t0", "succeed");
    const port = /"port":(\d+)/.exec(process.output)?.[1];
    const readiness = async () => await (await fetch(`http://127.0.0.1:${port}/readyz`)).text();
    await until(readiness, 60_000, {
      describe: "the readiness tells what is missing",
      accept: (text) => text.includes("lacks the right to"),
    });
    const before = proxy.requests.length;
    await new Promise((done) => setTimeout(done, 8_000));
    const asked = proxy.requests.length - before;
    assert.ok(process.running, "it did not end");
    assert.ok(asked < 80, `${asked} requests in 8 s while everything is refused`);
    await kubectlApply(ground.namespace, binding(ground, "first"));
    await ground.untilEnded("run");
  },
  { user: tokenFile },
);

faultCase(
  refusals,
  "F-13",
  "the token is no longer known, and its file holds another",
  async (ground) => {
    const { process } = await ground.start();
    ground.node.direct = () => "run";
    await ground.create("run", chain(2));
    await ground.untilRun("run", "is at t0", ({ status }) => status?.tasks?.t0?.state === "executing");
    await writeFile(ground.file("token"), await account(ground, "second"));
    await kubectl("delete", "serviceaccount", "first", "-n", ground.namespace);
    // For so long the API server remembers that it has accepted a token.
    await new Promise((done) => setTimeout(done, 12_000));
    ground.node.direct = () => "succeed";
    await ground.node.set("run--t0", "succeed");
    await ground.untilEnded("run");
    assert.ok(process.running);
  },
  { user: tokenFile },
);

/** Rights on everything that the operator needs, with these on pods. */
function role(ground: Ground, podVerbs: string[]): object {
  const metadata = { name: "limited", namespace: ground.namespace };
  const apiGroups = ["batch", "odin.io", "kubeflow.org", "events.k8s.io"];
  const rules = [
    { apiGroups, resources: ["*"], verbs: ["*"] },
    { apiGroups: [""], resources: ["configmaps", "events", "secrets", "pods/log"], verbs: ["*"] },
    { apiGroups: [""], resources: ["pods"], verbs: podVerbs },
  ];
  return { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata, rules };
}

faultCase(
  refusals,
  "F-13",
  "only the right to make pods is missing",
  async (ground) => {
    ground.allowance.writes = 30;
    await ground.start();
    await ground.create("run", chain(2));
    const waiting = await ground.untilRun("run", "waits", ({ status }) => status?.reason === "t0: Forbidden");
    assert.match(waiting.status?.message ?? "", /pods/);
    await kubectlApply(ground.namespace, role(ground, ["*"]));
    await ground.untilEnded("run");
  },
  {
    user: async (ground) => {
      const metadata = { name: "limited", namespace: ground.namespace };
      await kubectlApply(
        ground.namespace,
        { apiVersion: "v1", kind: "ServiceAccount", metadata },
        role(ground, ["get", "list", "watch", "delete"]),
        {
          apiVersion: "rbac.authorization.k8s.io/v1",
          kind: "RoleBinding",
          metadata,
          subjects: [{ kind: "ServiceAccount", ...metadata }],
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "limited" },
        },
      );
      return { token: (await kubectl("create", "token", "limited", "-n", ground.namespace)).trim() };
    },
  },
);

faultCase(refusals, "F-14", "an admission policy refuses a pod", async (ground) => {
  ground.allowance.writes = 20;
  const name = `deny-${ground.namespace}`;
  const api = "admissionregistration.k8s.io/v1";
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": ground.namespace } };
  const expression = "!object.spec.containers.exists(c, c.image == 'forbidden:1')";
  await kubectlApply(
    undefined,
    {
      apiVersion: api,
      kind: "ValidatingAdmissionPolicy",
      metadata: { name },
      spec: {
        matchConstraints: { namespaceSelector, resourceRules: [RESOURCE_KINDS] },
        validations: [{ expression, message: "this image is not for you" }],
      },
    },
    {
      apiVersion: api,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name },
      spec: { policyName: name, validationActions: ["Deny"] },
    },
  );
  try {
    await ground.start();
    let tries = 0;
    // A new policy takes a moment to reach the admission chain; until then the pod is let in.
    const denied = await until<Pipeline>(
      async () => {
        tries += 1;
        await ground.create(`run-${tries}`, [{ ...task("a"), image: "forbidden:1", retries: 2 }]);
        return await ground.untilRun(`run-${tries}`, "ends", ({ status }) => status?.completionTime !== undefined);
      },
      60_000,
      { describe: "the policy refuses the pod", accept: ({ status }) => status?.phase === "TERMINATED" },
    );
    assert.is(denied.status?.tasks?.a?.reason, "AdmissionDenied");
    assert.match(denied.status?.message ?? "", "this image is not for you");
  } finally {
    await kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", name);
  }
});

faultCase(refusals, "F-14", "a webhook that does not answer is waited for", async (ground) => {
  ground.allowance.writes = 40;
  const name = `webhook-${ground.namespace}`;
  await kubectlApply(undefined, {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name },
    webhooks: [
      {
        name: "away.odin.test",
        clientConfig: { url: `https://127.0.0.1:${await closedPort()}/` },
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": ground.namespace } },
        rules: [RESOURCE_KINDS],
        failurePolicy: "Fail",
        sideEffects: "None",
        admissionReviewVersions: ["v1"],
        timeoutSeconds: 1,
      },
    ],
  });
  try {
    // Until it is in force pods are let in.
    const create = () => kubectl("run", "probe", "--image=i", "-n", ground.namespace, "--dry-run=server");
    await until(
      () =>
        create().then(
          () => false,
          (error) => /failed calling webhook/.test(String(error)),
        ),
      60_000,
      {
        describe: "the webhook is in force",
      },
    );
    await ground.start();
    await ground.create("run", chain(2));
    const waiting = await ground.untilRun(
      "run",
      "waits",
      ({ status }) => status?.tasks?.t0?.reason === "ApiUnavailable",
    );
    assert.match(waiting.status?.tasks?.t0?.message ?? "", /webhook/);
  } finally {
    await kubectl("delete", "validatingwebhookconfiguration", name);
  }
  await ground.untilEnded("run");
});

faultCase(refusals, "F-15", "a pod that is invalid, with a message of any length", async (ground) => {
  await ground.start();
  const nodeSelector = { [`not a label! ${"x".repeat(5_000)}`]: "x" };
  await ground.create("run", [{ ...task("a"), nodeSelector, retries: 3 }]);
  const { status } = await ground.untilEnded("run", "TERMINATED");
  assert.is(status?.tasks?.a?.reason, "PodInvalid");
  assert.match(status?.message ?? "", "not a label!");
  assert.ok((status?.tasks?.a?.message?.length ?? 9_999) <= 1_024, "the message is cut");
});

faultCase(refusals, "F-16", "an overloaded server that asks for pauses", async (ground) => {
  ground.allowance.writes = 10;
  const { proxy } = await ground.start();
  const sent: number[] = [];
  let refused = 0;
  proxy.decide = (seen): Fault => {
    if (!isWrite(seen)) return { kind: "forward" };
    sent.push(performance.now());
    if (sent.length % 4 !== 1 || refused >= 4) return { kind: "forward" };
    refused += 1;
    const body = JSON.stringify({ kind: "Status", status: "Failure", code: 429, reason: "TooManyRequests" });
    return { kind: "answer", status: 429, headers: { "retry-after": "2" }, body };
  };
  await ground.create("run", [task("a"), task("b"), task("c", "a", "b")]);
  const { status } = await ground.untilEnded("run");
  assert.ok(refused >= 2, `${refused} refused`);
  const pauses = sent.slice(1).map((at, index) => at - (sent[index] ?? 0));
  assert.ok(Math.max(...pauses) >= 1_900, `the longest pause was ${Math.max(...pauses)} ms`);
  assert.is(status?.counts?.executed, 3);
});

/** A port at which nobody listens. */
function closedPort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}
refusals.run();
