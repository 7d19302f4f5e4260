// timeout: 1500
/** What the chart says of the cluster that it is to be installed in; on a server of this file alone, for it looks at all of it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CHART, helm, helmDone } from "../../support/helm.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { OwnApiServer } from "../../support/own-api-server.ts";

const surroundings = suite("a chart that looks at the cluster first");
let server: OwnApiServer;
surroundings.before(async () => {
  try {
    server = await OwnApiServer.start();
    // From here on the `kubectl` of this process means it.
    process.env.KUBECONFIG = server.plane.kubeconfig;
    for (const name of ["one", "two"]) await kubectl("create", "namespace", name);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
surroundings.after(() => server?.remove());

/** What helm says when it refuses; it changes nothing in any case. */
async function refusal(command: string, namespace: string, set = ""): Promise<string> {
  const values = set === "" ? [] : ["--set", set];
  const args = [command, "odin", CHART, "--namespace", namespace, "--dry-run=server", ...values];
  const { exitCode, stderr } = await helm(args, server.plane.kubeconfig);
  return exitCode === 0 ? "" : stderr;
}

const done = (command: string, namespace: string, set: string): Promise<string> =>
  helmDone([command, "odin", CHART, "--namespace", namespace, "--set", set], server.plane.kubeconfig);

function storageClass(name: string, annotations: Record<string, string> = {}): object {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name, annotations },
    provisioner: "example.org/none",
  };
}

surroundings(
  "without a default storage class the volumes that would wait for one are named, and what there is",
  async () => {
    const nothing = await refusal("install", "one");
    assert.match(
      nothing,
      /^store\.embedded\.storageClass is not set.*those that there are \(none\).*store\.embedded\.existingClaim/m,
    );
    assert.match(nothing, /^jobs\.storageClass is not set.*jobs\.existingClaim/m);
    await kubectlApply(undefined, storageClass("fast"), storageClass("slow"));
    assert.match(await refusal("install", "one", "jobs.storageClass=slow"), /store\.embedded.*\(fast, slow\)/);
    assert.not.match(await refusal("install", "one", "jobs.storageClass=slow"), /^jobs\.storageClass/m);
    assert.is(await refusal("install", "one", "jobs.storageClass=slow,store.embedded.existingClaim=mine"), "");
    assert.is(await refusal("install", "one", "store.kind=none,jobs.storageClass=slow"), "");
    const isDefault = { "storageclass.kubernetes.io/is-default-class": "true" };
    await kubectlApply(undefined, storageClass("usual", isDefault));
    assert.is(await refusal("install", "one"), "");
  },
);

surroundings(
  "whoever does not bring the definitions is not asked for the right to look at storage classes",
  async () => {
    await kubectl("delete", "storageclass", "usual");
    assert.is(await refusal("install", "one", "crds.install=false"), "");
  },
);

surroundings("an operator for all namespaces is refused beside one of a namespace, which is named", async () => {
  await done("install", "one", "crds.install=false");
  assert.match(
    await refusal("install", "two", "crds.install=false,clusterWide=true"),
    /clusterWide=true beside the release odin of the namespace one: both would run/,
  );
  assert.is(await refusal("install", "two", "crds.install=false"), "");
  assert.is(await refusal("upgrade", "one", "crds.install=false,clusterWide=true"), "");
});

surroundings("beside an operator for all namespaces none is installed, for one namespace or for all", async () => {
  await done("upgrade", "one", "crds.install=false,clusterWide=true");
  for (const clusterWide of [false, true])
    assert.match(
      await refusal("install", "two", `crds.install=false,clusterWide=${clusterWide}`),
      /the release odin of the namespace one has clusterWide=true and runs the Pipelines of this namespace, too/,
    );
  assert.is(await refusal("upgrade", "one", "crds.install=false,clusterWide=true"), "");
  await helmDone(["uninstall", "odin", "--namespace", "one"], server.plane.kubeconfig);
  assert.is(await refusal("install", "two", "crds.install=false,clusterWide=true"), "");
});

surroundings.run();
