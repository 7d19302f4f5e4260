// timeout: 600
/** Who may say whose a Pipeline is: the chart's admission policy on a real API server, asked by users of several kinds. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { CHART, helmDone, objectsOf, type Rendered } from "../../support/helm.ts";
import { kubectl, kubectlApply, kubectlWithInput } from "../../support/kubectl.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";

const WAIT_MS = 120_000;
const REFUSED = /spec\.user may be only your own user name/;
const GROUP = "platform";
const RBAC = "rbac.authorization.k8s.io";
const POLICIES = ["--show-only", "templates/admission-policies.yaml", "--set", "auth.existingSecret=login"];

const users = suite("users of Pipelines");
let namespace: TemporaryNamespace;
/** A namespace of another release, which keeps to itself. */
let other: TemporaryNamespace;
let made: Rendered[] = [];

const policies = async (...set: string[]): Promise<Rendered[]> =>
  objectsOf(await helmDone(["template", "odin", CHART, "--namespace", namespace.name, ...POLICIES, ...set]));

users.before(async () => {
  try {
    namespace = await temporaryNamespace("owners");
    other = await temporaryNamespace("owners-other");
    made = await policies("--set", `admissionPolicy.administrators={${GROUP}}`);
    await kubectlApply(undefined, ...made);
    for (const { name } of [namespace, other]) await allow(name);
    await until(() => create("ada", { user: "bob" }), WAIT_MS, {
      describe: "the rights and the policy are in force",
      accept: (said) => REFUSED.test(said),
    });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
users.after(async () => {
  for (const { kind, metadata } of made)
    await kubectl("delete", kind, metadata.name, "--ignore-not-found", "--wait=false").catch(console.error);
  await namespace?.remove();
  await other?.remove();
});

/** Lets everybody who is asked here write Pipelines, so that only the policy refuses. */
async function allow(to: string): Promise<void> {
  const verbs = ["create", "get", "update", "patch"];
  await kubectlApply(
    to,
    {
      apiVersion: `${RBAC}/v1`,
      kind: "Role",
      metadata: { name: "author" },
      rules: [{ apiGroups: ["odin.io"], resources: ["pipelines"], verbs }],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: { name: "author" },
      roleRef: { apiGroup: RBAC, kind: "Role", name: "author" },
      subjects: [{ apiGroup: RBAC, kind: "Group", name: "system:authenticated" }],
    },
  );
}

const pipeline = (spec: object, name = "tried"): string =>
  JSON.stringify({
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name },
    spec: { tasks: [{ name: "a", image: "i", command: ["c"] }], suspend: true, ...spec },
  });

/** Tries to make a Pipeline as somebody; what the server says, good or bad. */
function create(who: string, spec: object, ...args: string[]): Promise<string> {
  const as = ["--as", who, "--as-group", "system:authenticated", "--namespace", namespace.name];
  const dry = ["create", "--dry-run=server", "-f", "-", ...as, ...args];
  return kubectlWithInput(pipeline(spec), dry).catch((error: Error) => error.message);
}

users("C-71: who may create Pipelines names himself as the user of one, or nobody", async () => {
  for (const spec of [{}, { user: "" }, { user: "ada" }]) assert.match(await create("ada", spec), /tried created/);
  for (const user of ["bob", "ADA", "ada ", "ada@example.org", "root"])
    assert.match(await create("ada", { user }), REFUSED, user);
  const said = await create("ada", { user: "bob" });
  assert.match(said, /your own user name, ada; leave it out, launch the run over the REST API/);
  assert.match(said, /Forbidden|forbidden/);
});

users("C-71: the API and the operator name whom they will, and other service accounts do not", async () => {
  const account = (space: string, name: string): string => `system:serviceaccount:${space}:${name}`;
  for (const name of ["odin-api", "odin-operator"])
    assert.match(await create(account(namespace.name, name), { user: "bob" }), /tried created/);
  for (const stranger of [
    account(namespace.name, "default"),
    account(other.name, "odin-api"),
    account(namespace.name, "odin-api-2"),
    "odin-api",
  ])
    assert.match(await create(stranger, { user: "bob" }), REFUSED, stranger);
});

users("C-71: an administrator of the cluster names whom he will, and so does a group that is told to", async () => {
  const asAdministrator = ["create", "--dry-run=server", "-f", "-", "--namespace", namespace.name];
  assert.match(await kubectlWithInput(pipeline({ user: "bob" }), asAdministrator), /tried created/);
  assert.match(await create("eve", { user: "bob" }, "--as-group", GROUP), /tried created/);
  assert.match(await create("eve", { user: "bob" }, "--as-group", `${GROUP}s`), REFUSED);
  assert.match(await create(GROUP, { user: "bob" }), REFUSED);
});

users("C-71: a run of somebody else stays his, whoever may change it, and can still be stopped", async () => {
  const ofBob = ["create", "-f", "-", "--namespace", namespace.name];
  await kubectlWithInput(pipeline({ user: "bob" }, "bobs"), ofBob);
  const patch = (spec: object): Promise<string> =>
    kubectl(
      ...["patch", "pipeline", "bobs", "--type=merge", "-p", JSON.stringify({ spec })],
      ...["--as", "ada", "--as-group", "system:authenticated", "--namespace", namespace.name],
    ).catch((error: Error) => error.message);
  for (const user of ["eve", "ada", null])
    assert.match(await patch({ user }), /cannot be changed|may be only your own/);
  assert.match(await patch({ cancel: true }), /patched/);
  assert.is(
    await kubectl("get", "pipeline", "bobs", "-o", "jsonpath={.spec.user}", "--namespace", namespace.name),
    "bob",
  );
});

users(
  "C-71: the Pipelines of other releases are not this one's to judge, unless it has the whole cluster",
  async () => {
    const elsewhere = ["create", "--dry-run=server", "-f", "-", "--namespace", other.name];
    const as = ["--as", "ada", "--as-group", "system:authenticated"];
    assert.match(await kubectlWithInput(pipeline({ user: "bob" }), [...elsewhere, ...as]), /tried created/);
    const binding = async (...set: string[]): Promise<Rendered | undefined> =>
      (await policies(...set)).find(
        ({ kind, metadata }) => kind.endsWith("Binding") && metadata.name.endsWith("-pipeline-users"),
      );
    assert.ok((await binding())?.spec);
    const spec = (await binding("--set", "clusterWide=true"))?.spec as { matchResources?: object } | undefined;
    assert.ok(spec);
    assert.is(spec.matchResources, undefined);
  },
);

users("C-71: the policy can be left out alone", async () => {
  const names = (await policies("--set", "admissionPolicy.pipelineUsers=false")).map(({ metadata }) => metadata.name);
  assert.is(names.filter((name) => name.endsWith("-pipeline-users")).length, 0);
  assert.is(names.filter((name) => name.endsWith("-pods")).length, 2);
});

users.run();
