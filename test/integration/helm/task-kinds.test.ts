// timeout: 600
/** What the chart's admission policies say of the objects whose pods another controller makes, on an API server that has their definitions. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until, within } from "../../support/deadline.ts";
import { untilEstablished } from "../../support/established-kinds.ts";
import { CHART, helmDone, objectsOf } from "../../support/helm.ts";
import {
  elasticDefinition,
  mpiDefinition,
  trainingDefinitions,
  whyNoDefinitions,
} from "../../support/kind-definitions.ts";
import { kubectl, kubectlApply, kubectlWithInput } from "../../support/kubectl.ts";
import { OwnApiServer } from "../../support/own-api-server.ts";
import { skip } from "../../support/skip.ts";

const WAIT_MS = 120_000;
const SPACE = "kinds";
const ACCOUNT = `system:serviceaccount:${SPACE}:odin-operator`;
const CREATE = ["create", "--dry-run=server", "--validate=strict", "-f", "-", "--namespace", SPACE, `--as=${ACCOUNT}`];
const KINDS = ["PyTorchJob", "TFJob", "MPIJob", "ElasticJob"];

const policies = suite("tasks of kinds with controllers of their own");
const reason = await whyNoDefinitions();
let server: OwnApiServer;

policies.before(async () => {
  try {
    server = await OwnApiServer.start({ controllerManager: true });
    process.env.KUBECONFIG = server.plane.kubeconfig;
    process.env.ODIN_TEST_KUBECTL = server.plane.kubectl;
    const definitions = [
      ...(await trainingDefinitions("pytorchjobs", "tfjobs")),
      await mpiDefinition(),
      elasticDefinition(),
    ];
    const input = definitions.map((definition) => JSON.stringify(definition)).join("\n---\n");
    // Server-side: they are too large for the annotation that kubectl would make.
    await kubectlWithInput(input, ["apply", "--server-side", "-f", "-"]);
    await untilEstablished(definitions.map(({ metadata }) => metadata.name));
    await kubectl("create", "namespace", SPACE);
    const files = ["admission-policies", "operator-rbac"].flatMap((name) => ["--show-only", `templates/${name}.yaml`]);
    const values = [
      "--set",
      `tasks.kinds={${KINDS.join(",")}}`,
      "--set",
      "auth.existingSecret=login",
      "--set",
      "mlbench.enabled=true",
    ];
    const rendered = await helmDone(["template", "odin", CHART, "--namespace", SPACE, ...values, ...files]);
    await kubectlApply(undefined, ...objectsOf(rendered));
    await until(() => refusal("TFJob", { hostNetwork: true }), WAIT_MS, {
      describe: "the policies are in force",
      accept: (said) => /do not share the network/.test(said),
    });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
policies.after(async () => {
  await server?.remove();
});

const REPLICAS: Record<string, { apiVersion: string; field: string; more?: object }> = {
  PyTorchJob: { apiVersion: "kubeflow.org/v1", field: "pytorchReplicaSpecs" },
  TFJob: { apiVersion: "kubeflow.org/v1", field: "tfReplicaSpecs" },
  MPIJob: { apiVersion: "kubeflow.org/v2beta1", field: "mpiReplicaSpecs" },
  ElasticJob: {
    apiVersion: "elastic.pytorch.org/v1alpha1",
    field: "replicaSpecs",
    more: { rdzvEndpoint: "etcd:2379" },
  },
};

/** An object of the kind, of whose replicas the last has the given fields in its pods. */
function objectOf(kind: string, spec: object, labels: object = { "app.kubernetes.io/managed-by": "odin" }): object {
  const { apiVersion, field, more } = REPLICAS[kind] ?? { apiVersion: "", field: "" };
  const replica = (given: object): object => ({
    replicas: 1,
    restartPolicy: "Never",
    template: { spec: { containers: [{ name: "c", image: "i" }], ...given } },
  });
  const first = kind === "PyTorchJob" ? "Master" : kind === "TFJob" ? "Chief" : "Launcher";
  const replicas = { [first]: replica({}), Worker: replica(spec) };
  return { apiVersion, kind, metadata: { name: "tried", labels }, spec: { ...more, [field]: replicas } };
}

function refusal(kind: string, spec: object, labels?: object): Promise<string> {
  return kubectlWithInput(JSON.stringify(objectOf(kind, spec, labels)), CREATE).catch((error: Error) => error.message);
}

for (const kind of KINDS) {
  policies(`a ${kind} has no pods that a Pipeline could not ask for`, () =>
    within(WAIT_MS, async () => {
      const container = { name: "c", image: "i" };
      const privileged = { ...container, securityContext: { privileged: true } };
      const tries: [spec: object, refusal: RegExp][] = [
        [{ hostNetwork: true }, /do not share the network/],
        [{ hostIPC: true }, /do not share the network/],
        [{ volumes: [{ name: "v", hostPath: { path: "/" } }] }, /do not mount directories of their node/],
        [{ containers: [container, { ...privileged, name: "second" }] }, /are not privileged/],
        [{ initContainers: [{ ...privileged, name: "first" }] }, /are not privileged/],
        [{ serviceAccountName: "odin-api" }, /tasks run under the service account/],
        [{ serviceAccount: "odin-api" }, /tasks run under the service account/],
      ];
      for (const [spec, words] of tries) assert.match(await refusal(kind, spec), words, JSON.stringify(spec));
      assert.match(await refusal(kind, {}, {}), /only what carries the label/);
      assert.match(await refusal(kind, {}), /\/tried created \(server dry run\)/);
    }),
  );
}

policies("what others made of such a kind is not deleted", () =>
  within(WAIT_MS, async () => {
    await kubectlApply(SPACE, objectOf("TFJob", {}, {}));
    const remove = ["delete", "tfjob", "tried", "--namespace", SPACE, "--wait=false"];
    const said = await kubectl(...remove, `--as=${ACCOUNT}`).catch((error: Error) => error.message);
    assert.match(said, /only what carries the label/);
    await kubectl(...remove);
  }),
);

policies("the API server finds nothing wrong with the policies' expressions", () =>
  within(WAIT_MS, async () => {
    interface Policy {
      metadata: { name: string };
      status?: { typeChecking?: { expressionWarnings?: object[] } };
    }
    const look = async (): Promise<Policy[]> =>
      JSON.parse(await kubectl("get", "validatingadmissionpolicies", "-o", "json")).items;
    const items = await until(look, WAIT_MS, {
      describe: "the expressions were checked",
      accept: (found) => found.length === 4 && found.every(({ status }) => status?.typeChecking !== undefined),
    });
    for (const { metadata, status } of items)
      assert.equal(status?.typeChecking?.expressionWarnings ?? [], [], metadata.name);
  }),
);

if (reason === undefined) policies.run();
else skip("file", reason);
