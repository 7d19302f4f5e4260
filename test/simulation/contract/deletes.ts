import * as assert from "uvu/assert";
import { PIPELINE } from "../../../crds/resources.ts";
import { CONFIG_MAP, POD } from "../../../kube/core-resources.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { collectionPath, type KubeObject, objectPath, type Resource } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { failing, type Ground, type Promised, WAIT_MS, words } from "./ground.ts";
import { configMap, createPod, pipeline, pod } from "./writes.ts";

type Loose = KubeObject & Record<string, unknown>;

const NAMESPACE: Resource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };
const QUOTA: Resource = { group: "", version: "v1", plural: "resourcequotas", kind: "ResourceQuota", namespaced: true };
const UID = "11111111-2222-4333-8444-555555555555";

async function isGone({ client, namespace }: Ground, resource: Resource, name: string): Promise<boolean> {
  try {
    await client.get(objectPath(resource, namespace, name));
    return false;
  } catch (error) {
    if (isKubeError(error, "notFound")) return true;
    throw error;
  }
}

/** Deletions, what they take along, and what is not let in. */
export const DELETES: readonly Promised[] = [
  {
    title: "a delete with another UID or version is a conflict and deletes nothing",
    async check(ground) {
      const { client, namespace } = ground;
      const made = await client.create<Loose>(collectionPath(CONFIG_MAP, namespace), configMap("guarded"));
      const path = objectPath(CONFIG_MAP, namespace, "guarded");
      const byUid = await failing(client.delete(path, { uid: UID }), "conflict");
      assert.match(words(byUid), /the UID in the precondition \(11111111-.*does not match the UID in record/);
      const byVersion = await failing(client.delete(path, { resourceVersion: "1" }), "conflict");
      assert.match(words(byVersion), /the ResourceVersion in the precondition \(1\) does not match/);
      const { uid, resourceVersion } = made.metadata;
      const answer = await client.delete<Loose>(path, { uid, resourceVersion });
      assert.equal([answer.kind, answer.status, (answer.details as Loose).uid], ["Status", "Success", uid]);
      await failing(client.delete(path), "notFound");
    },
  },
  {
    title: "a pod without a node goes at once and the answer is the pod; one that runs goes when its kubelet says so",
    async check(ground) {
      const { client, namespace } = ground;
      await createPod(ground, pod("homeless"));
      const answer = await client.delete<Loose>(objectPath(POD, namespace, "homeless"));
      assert.is(answer.kind, "Pod");
      assert.ok(await isGone(ground, POD, "homeless"));
      await createPod(ground, pod("housed", { spec: { nodeName: "some-node" } }));
      const path = objectPath(POD, namespace, "housed");
      const going = await client.delete<Loose>(path);
      assert.type(going.metadata.deletionTimestamp, "string");
      const again = await client.delete<Loose>(path);
      assert.is(again.metadata.uid, going.metadata.uid);
      assert.not.ok(await isGone(ground, POD, "housed"));
      await client.delete(path, { gracePeriodSeconds: 0 });
      assert.ok(await isGone(ground, POD, "housed"));
    },
  },
  {
    title: "an object with a finalizer goes when the finalizer does",
    async check(ground) {
      const { client, namespace } = ground;
      await client.create(
        collectionPath(CONFIG_MAP, namespace),
        configMap("held", { finalizers: ["example.com/hold"] }),
      );
      const path = objectPath(CONFIG_MAP, namespace, "held");
      const going = await client.delete<Loose>(path);
      assert.is(going.kind, "ConfigMap");
      assert.type(going.metadata.deletionTimestamp, "string");
      await client.patch(path, "merge", { metadata: { finalizers: null } });
      assert.ok(await isGone(ground, CONFIG_MAP, "held"));
    },
  },
  {
    title: "what an object owned goes after it, and so does what names an owner that is not there",
    async check(ground) {
      const { client, namespace } = ground;
      const owner = await client.create<Loose>(collectionPath(PIPELINE, namespace), pipeline("owner"));
      const reference = { apiVersion: "odin.io/v1", kind: "Pipeline", name: "owner", controller: true };
      const owned = (uid: string) => ({ ownerReferences: [{ ...reference, uid }] });
      await client.create(collectionPath(CONFIG_MAP, namespace), configMap("owned", owned(owner.metadata.uid)));
      await client.create(collectionPath(CONFIG_MAP, namespace), configMap("orphan", owned(UID)));
      const answer = await client.delete<Loose>(objectPath(PIPELINE, namespace, "owner"), {
        propagationPolicy: "Background",
      });
      assert.equal([answer.kind, answer.status], ["Status", "Success"]);
      for (const name of ["owned", "orphan"])
        await until(() => isGone(ground, CONFIG_MAP, name), WAIT_MS, { describe: `${name} is collected` });
    },
  },
  {
    title: "a pod above a quota is refused with 403 and what is used; one that has ended does not count",
    async check(ground) {
      const { client } = ground;
      const namespace = `${ground.namespace}-quota`;
      const inside = { ...ground, namespace };
      await client.create(collectionPath(NAMESPACE), {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: namespace },
      });
      const hard = { pods: "1" };
      const quota = {
        apiVersion: "v1",
        kind: "ResourceQuota",
        metadata: { name: "few" },
        spec: { hard },
        status: { hard },
      };
      await client.create(collectionPath(QUOTA, namespace), quota);
      const known = async () => {
        const { status } = await client.get<Loose>(objectPath(QUOTA, namespace, "few"));
        return (status as { hard?: unknown } | undefined)?.hard !== undefined;
      };
      await until(known, WAIT_MS, { describe: "the quota counts" });
      await createPod(inside, pod("fits"));
      const error = await failing(client.create(collectionPath(POD, namespace), pod("spills")), "quota");
      assert.is(error.code, 403);
      assert.is(
        words(error),
        'pods "spills" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1',
      );
      await client.patch(objectPath(POD, namespace, "fits", "status"), "merge", { status: { phase: "Succeeded" } });
      await createPod(inside, pod("spills"));
      await client.delete(objectPath(NAMESPACE, undefined, namespace));
    },
  },
  {
    title: "nothing is created in a namespace that is not there, or that is going",
    async check(ground) {
      const { client } = ground;
      const error = await failing(client.create(collectionPath(CONFIG_MAP, "nowhere"), configMap("a")), "notFound");
      assert.is(words(error), 'namespaces "nowhere" not found');
      const namespace = `${ground.namespace}-going`;
      await client.create(collectionPath(NAMESPACE), {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: namespace },
      });
      await client.create(
        collectionPath(CONFIG_MAP, namespace),
        configMap("held", { finalizers: ["example.com/hold"] }),
      );
      await client.delete(objectPath(NAMESPACE, undefined, namespace));
      const refused = await failing(
        client.create(collectionPath(CONFIG_MAP, namespace), configMap("late")),
        "notFound",
      );
      assert.equal([refused.code, refused.reason], [403, "NamespaceTerminating"]);
      await client.patch(objectPath(CONFIG_MAP, namespace, "held"), "merge", { metadata: { finalizers: null } });
    },
  },
];
