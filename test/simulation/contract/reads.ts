import * as assert from "uvu/assert";
import { PIPELINE } from "../../../crds/resources.ts";
import { CONFIG_MAP, EVENT } from "../../../kube/core-resources.ts";
import { collectionPath, compareResourceVersions, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { failing, type Ground, type Promised, watched } from "./ground.ts";
import { configMap, pipeline } from "./writes.ts";

type Loose = KubeObject & Record<string, unknown>;

const maps = ({ namespace }: Ground) => collectionPath(CONFIG_MAP, namespace);
const map = ({ namespace }: Ground, name: string) => objectPath(CONFIG_MAP, namespace, name);
const nameOf = ({ metadata }: KubeObject): string => metadata.name;

async function createMaps(ground: Ground, label: string, names: readonly string[]): Promise<void> {
  for (const name of names) await ground.client.create(maps(ground), configMap(name, { labels: { check: label } }));
}

function isAfter(a: string, b: string): boolean {
  return (compareResourceVersions(a, b) ?? 0) > 0;
}

/** Lists, pages, watches and what becomes of them when history is gone. */
export const READS: readonly Promised[] = [
  {
    title: "pages hold one version of the collection, whatever happens between them",
    async check(ground) {
      const { client } = ground;
      await createMaps(ground, "pages", ["page-a", "page-b", "page-c", "page-d", "page-e"]);
      const select = { labelSelector: "check=pages", limit: 2 };
      const first = await client.listPage<Loose>(maps(ground), select);
      assert.equal(first.items.map(nameOf), ["page-a", "page-b"]);
      assert.type(first.metadata.continue, "string");
      await client.delete(map(ground, "page-d"));
      await createMaps(ground, "pages", ["page-bb"]);
      const second = await client.listPage<Loose>(maps(ground), { ...select, continue: first.metadata.continue ?? "" });
      assert.equal(second.items.map(nameOf), ["page-c", "page-d"]);
      assert.is(second.metadata.resourceVersion, first.metadata.resourceVersion);
      const third = await client.listPage<Loose>(maps(ground), { ...select, continue: second.metadata.continue ?? "" });
      assert.equal([third.items.map(nameOf), third.metadata.continue], [["page-e"], undefined]);
      const { items } = await client.listAll<Loose>(maps(ground), select);
      assert.equal(items.map(nameOf), ["page-a", "page-b", "page-bb", "page-c", "page-e"]);
    },
  },
  {
    title: "a continue token is 400 when it is none, and 410 when its history is gone",
    async check(ground) {
      const { client } = ground;
      await createMaps(ground, "token", ["token-a", "token-b"]);
      const select = { labelSelector: "check=token", limit: 1 };
      assert.is((await failing(client.listPage(maps(ground), { ...select, continue: "none" }), "invalid")).code, 400);
      await ground.compact();
      // A server may keep lists of its own for a while; one from before our kinds were there it has in no case.
      const first = { v: "meta.k8s.io/v1", rv: 2, start: "token-a\u0000" };
      const token = Buffer.from(JSON.stringify(first)).toString("base64url");
      const runs = collectionPath(PIPELINE, ground.namespace);
      const error = await failing(client.listPage(runs, { limit: 1, continue: token }), "gone");
      assert.equal([error.code, error.reason], [410, "Expired"]);
    },
  },
  {
    title: "a watch tells what came after its version, in order, each with a version of its own",
    async check(ground) {
      const { client } = ground;
      await createMaps(ground, "watch", ["watch-a"]);
      const { metadata } = await client.listAll<Loose>(maps(ground), { labelSelector: "check=watch" });
      await createMaps(ground, "watch", ["watch-b"]);
      await client.patch(map(ground, "watch-a"), "merge", { data: { a: "2" } });
      const before = await client.get<Loose>(map(ground, "watch-b"));
      await client.delete(map(ground, "watch-b"));
      const { resourceVersion } = metadata;
      const query = { labelSelector: "check=watch", resourceVersion };
      const events = await watched(ground, maps(ground), query, ({ length }) => length === 3);
      assert.equal(
        events.map(({ type, object }) => `${type} ${nameOf(object)}`),
        ["ADDED watch-b", "MODIFIED watch-a", "DELETED watch-b"],
      );
      const versions = events.map(({ object }) => object.metadata.resourceVersion);
      assert.ok(versions.every((version, index) => isAfter(version, versions[index - 1] ?? resourceVersion)));
      assert.ok(isAfter(versions[2] ?? "", before.metadata.resourceVersion), "a deletion has a version of its own");
    },
  },
  {
    title: "an object that comes into a watch's selection is ADDED, one that leaves it is DELETED",
    async check(ground) {
      const { client } = ground;
      const made = await client.create<Loose>(maps(ground), configMap("moves", { labels: { check: "moving" } }));
      const label = async (value: string) => {
        const body = { metadata: { labels: { check: value } } };
        return (await client.patch<Loose>(map(ground, "moves"), "merge", body)).metadata.resourceVersion;
      };
      const { resourceVersion } = made.metadata;
      const versions = [await label("in"), await label("out")];
      await label("in");
      const query = { labelSelector: "check=in", resourceVersion };
      const events = await watched(ground, maps(ground), query, ({ length }) => length === 3);
      assert.equal(
        events.map(({ type }) => type),
        ["ADDED", "DELETED", "ADDED"],
      );
      assert.equal(
        events.slice(0, 2).map(({ object }) => object.metadata.resourceVersion),
        versions,
      );
    },
  },
  {
    title: "a watch from a version that is gone is accepted, and then told so in its stream",
    async check(ground) {
      const { client, namespace } = ground;
      const run = await client.create<Loose>(collectionPath(PIPELINE, namespace), pipeline("forgotten"));
      await client.patch(objectPath(PIPELINE, namespace, "forgotten"), "merge", { spec: { suspend: true } });
      await ground.compact();
      let opened = false;
      const watch = client.watch(collectionPath(PIPELINE, namespace), {
        query: { resourceVersion: "1", timeoutSeconds: 60 },
        signal: new AbortController().signal,
        openTimeoutMs: 60_000,
        idleTimeoutMs: 120_000,
        onOpen: () => {
          opened = true;
        },
        onEvent: () => undefined,
      });
      const error = await failing(watch, "gone");
      assert.equal([opened, error.code, error.reason, run.metadata.generation], [true, 410, "Expired", 1]);
    },
  },
  {
    title: "a watch is told at most by bookmarks how far it has come when only others' objects change",
    async check(ground) {
      const { client } = ground;
      const { resourceVersion } = (await client.listAll<Loose>(maps(ground))).metadata;
      const query = { labelSelector: "check=nobody", resourceVersion, allowWatchBookmarks: true, timeoutSeconds: 6 };
      const watching = watched(ground, maps(ground), query);
      await client.create<Loose>(maps(ground), configMap("unselected"));
      // Whether and when a bookmark comes is the server's choice.
      for (const { type, object } of await watching) {
        assert.is(type, "BOOKMARK");
        assert.not.ok(isAfter(resourceVersion, object.metadata.resourceVersion));
        assert.is((object as Loose).data, undefined);
      }
    },
  },
  {
    title: "a watch of a kind of which nothing of its namespace changes is told of no change",
    async check(ground) {
      const path = collectionPath(PIPELINE, ground.namespace);
      const { resourceVersion } = (await ground.client.listAll<Loose>(path)).metadata;
      const query = { resourceVersion, allowWatchBookmarks: true, timeoutSeconds: 6 };
      const events = await watched(ground, path, query);
      assert.equal(
        events.filter(({ type }) => type !== "BOOKMARK"),
        [],
      );
    },
  },
  {
    title: "warnings are selected by a field",
    async check(ground) {
      const { client, namespace } = ground;
      const event = (name: string, type: string) => ({
        apiVersion: "v1",
        kind: "Event",
        metadata: { name },
        involvedObject: { kind: "Pod", name: "some", namespace },
        reason: "Checked",
        type,
      });
      for (const type of ["Normal", "Warning"])
        await client.create(collectionPath(EVENT, namespace), event(`checked-${type.toLowerCase()}`, type));
      const select = { fieldSelector: "type=Warning" };
      const { items } = await client.listAll<Loose>(collectionPath(EVENT, namespace), select);
      assert.equal(items.filter(({ reason }) => reason === "Checked").map(nameOf), ["checked-warning"]);
    },
  },
];
