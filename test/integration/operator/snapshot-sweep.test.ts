import { KubeConfig } from "@kubernetes/client-node";
import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ANNOTATIONS } from "../../../crds/names.ts";
import { API_VERSION, JOB, PIPELINE } from "../../../crds/resources.ts";
import { type Definition, type SnapshotObject, snapshotOf } from "../../../crds/snapshot.ts";
import { KubeClient } from "../../../kube/client.ts";
import { ensureContentObject } from "../../../kube/content-object.ts";
import { CONFIG_MAP } from "../../../kube/core-resources.ts";
import { silentLogger } from "../../../kube/logger.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { type Caches, makeCaches, startCompanions, stopCompanions } from "../../../operator/caches.ts";
import { PlanSource } from "../../../operator/plan-source.ts";
import { SnapshotSweep } from "../../../operator/snapshot-sweep.ts";
import { until } from "../../support/deadline.ts";
import { testVariable } from "../../support/kubectl.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";

const sweeping = suite("collecting snapshots");
let namespace: TemporaryNamespace;
let client: KubeClient;
let caches: Caches;
let sweep: SnapshotSweep;
sweeping.before(async () => {
  try {
    namespace = await temporaryNamespace("sweep");
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(testVariable("KUBECONFIG"));
    client = new KubeClient({ kubeConfig, userAgent: "odin-test" });
    const logger = silentLogger;
    caches = makeCaches({ client, namespace: namespace.name, logger, registry: new Registry() });
    caches.runs.start();
    caches.jobs.start();
    await Promise.all([startCompanions(caches), caches.runs.synced, caches.jobs.synced]);
    const plans = new PlanSource({ client, caches, taskSecrets: [] });
    sweep = new SnapshotSweep({ client, caches, plans, logger, youngMs: 0 });
  } catch (error) {
    // uvu says nothing about a hook that throws.
    console.error(error);
    throw error;
  }
});
sweeping.after(async () => {
  await Promise.all([caches.runs.stop(), caches.jobs.stop(), stopCompanions(caches)]);
  client.close();
  await namespace.remove();
});

function snapshot(job: string, more: Partial<Definition> = {}): SnapshotObject {
  return snapshotOf({ job, tasks: [], files: [], failFast: false, ...more }, {}, namespace.name, "s");
}

async function stored(object: SnapshotObject): Promise<string> {
  await ensureContentObject(client, CONFIG_MAP, object, ANNOTATIONS.used);
  const key = `${namespace.name}/${object.metadata.name}`;
  await until(() => caches.snapshots.get(key), 60_000, { describe: "the snapshot reaches the cache" });
  return object.metadata.name;
}

async function names(): Promise<string[]> {
  const { items } = await client.listAll<KubeObject>(collectionPath(CONFIG_MAP, namespace.name), {
    labelSelector: "odin.io/snapshot=true",
  });
  return items.map((item) => item.metadata.name).sort();
}

sweeping("O-107: what a run, a Job or a kept snapshot names stays, everything else goes", async () => {
  const root = await stored(snapshot("root"));
  const ofRun = await stored(snapshot("of-run", { rootFiles: root }));
  const ofJob = await stored(snapshot("of-job"));
  const free = await stored(snapshot("free"));
  const metadata = { name: "kept" };
  await client.create(collectionPath(PIPELINE, namespace.name), {
    apiVersion: API_VERSION,
    kind: "Pipeline",
    metadata,
    spec: { job: "of-run", snapshot: ofRun },
  });
  await client.create(collectionPath(JOB, namespace.name), {
    apiVersion: API_VERSION,
    kind: "Job",
    metadata,
    spec: { path: "of-job", snapshot: ofJob, tasks: [] },
  });
  const key = `${namespace.name}/kept`;
  await until(() => caches.runs.get(key) && caches.jobs.get(key), 60_000, { describe: "both reach the caches" });
  await sweep.sweep();
  assert.equal(await names(), [root, ofRun, ofJob].sort());
  assert.ok(![root, ofRun, ofJob].includes(free));

  await client.delete(objectPath(PIPELINE, namespace.name, "kept"));
  await until(() => caches.runs.get(key) === undefined, 60_000, { describe: "the run is gone" });
  await sweep.sweep();
  assert.equal(await names(), [ofJob]);
});

sweeping("a snapshot that is used again is not collected on the word of an old cache", async () => {
  const object = snapshot("raced");
  const name = await stored(object);
  // The cache stands still from here on, as one does that lags.
  const stale = caches.snapshots.get(`${namespace.name}/${name}`);
  assert.ok(stale);
  await caches.snapshots.stop();
  const again = await ensureContentObject(client, CONFIG_MAP, object, ANNOTATIONS.used);
  assert.is(again.metadata.uid, stale.metadata.uid);
  assert.is.not(again.metadata.resourceVersion, stale.metadata.resourceVersion);
  await sweep.sweep();
  assert.ok((await names()).includes(name));
});

sweeping("many at once make one object, and one that was deleted is made again", async () => {
  const object = snapshot("many");
  const made = await Promise.all(
    Array.from({ length: 10 }, () => ensureContentObject(client, CONFIG_MAP, object, ANNOTATIONS.used)),
  );
  assert.is(new Set(made.map((one) => one.metadata.uid)).size, 1);
  await client.delete(objectPath(CONFIG_MAP, namespace.name, object.metadata.name));
  const anew = await ensureContentObject(client, CONFIG_MAP, object, ANNOTATIONS.used);
  assert.is.not(anew.metadata.uid, made[0]?.metadata.uid);
});
sweeping.run();
