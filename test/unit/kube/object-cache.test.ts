import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Change, ObjectCache } from "../../../kube/object-cache.ts";
import type { KubeObject, ObjectMeta } from "../../../kube/resource.ts";

interface Item {
  metadata: ObjectMeta;
}

function object(name: string, uid: string, version: number | string): KubeObject {
  return { metadata: { namespace: "n", name, uid, resourceVersion: String(version) } };
}

function cacheWithLog(now?: () => number) {
  const log: string[] = [];
  const bad: string[] = [];
  const cache = new ObjectCache<Item>({
    project: (raw) => {
      if (raw.metadata.labels?.poison) throw new Error("poison");
      return { metadata: raw.metadata };
    },
    emit: ({ type, object: { metadata } }: Change<Item>) => {
      log.push(`${type} ${metadata.name} ${metadata.uid}@${metadata.resourceVersion}`);
    },
    onBadObject: (key) => bad.push(key),
    ...(now ? { now } : {}),
  });
  const list = (version: number | string, ...objects: KubeObject[]) => {
    const listing = cache.beginList(String(version));
    for (const item of objects) cache.applyListed(listing, item);
    cache.endList(listing);
  };
  const took = () => log.splice(0);
  const state = () => [...cache.values()].map(({ metadata }) => `${metadata.uid}@${metadata.resourceVersion}`).sort();
  return { cache, list, took, state, bad };
}

const histories = suite("what objects said before");

histories("a projection is given what is kept of the very same object, also of one that is deleted", () => {
  const told: (string | undefined)[] = [];
  const gone: string[] = [];
  const cache = new ObjectCache<Item>({
    project: ({ metadata }, known) => {
      told.push(known && `${known.metadata.uid}@${known.metadata.resourceVersion}`);
      return { metadata };
    },
    emit: ({ type, object: { metadata } }) => {
      if (type === "deleted") gone.push(metadata.resourceVersion);
    },
    onBadObject: () => undefined,
  });
  cache.applyWatched("ADDED", object("a", "A", 1));
  cache.noteWritten(object("a", "A", 2));
  cache.applyListed(cache.beginList("3"), object("a", "A", 3));
  cache.applyWatched("DELETED", object("a", "A", 4));
  cache.applyWatched("ADDED", object("a", "B", 5));
  cache.applyWatched("ADDED", object("a", "C", 6));
  assert.equal(told, [undefined, "A@1", "A@2", "A@3", undefined, undefined]);
  assert.equal(gone, ["4", "5"]);
});

const echoes = suite("versions that are known (F-9)");

echoes("the version that the cache holds is known, any other is not", () => {
  const { cache, list, took } = cacheWithLog();
  list(10, object("a", "A", 1));
  took();
  assert.ok(cache.confirm({ uid: "A", resourceVersion: "1" }));
  assert.not.ok(cache.confirm({ uid: "A", resourceVersion: "2" }));
  assert.not.ok(cache.confirm({ uid: "B", resourceVersion: "1" }));
  assert.equal(took(), []);
});

echoes("a confirmed write survives later events, and brings the watch forward", () => {
  const { cache, list, state } = cacheWithLog();
  list(10, object("a", "A", 1));
  cache.noteWritten(object("a", "A", 20));
  assert.ok(cache.confirm({ uid: "A", resourceVersion: "20" }));
  assert.is(cache.resourceVersion, "20");
  cache.applyWatched("ADDED", object("b", "B", 30));
  assert.equal(state(), ["A@20", "B@30"]);
});

echoes("an object that is gone is not known", () => {
  const { cache, list } = cacheWithLog();
  list(10, object("a", "A", 1));
  cache.applyWatched("DELETED", object("a", "A", 12));
  assert.not.ok(cache.confirm({ uid: "A", resourceVersion: "1" }));
});

const lists = suite("lists (F-2)");

lists("a relist announces changes and missed deletions, and nothing else", () => {
  const { list, took } = cacheWithLog();
  list(10, object("a", "A", 1), object("b", "B", 2), object("c", "C", 3));
  assert.equal(took(), ["added a A@1", "added b B@2", "added c C@3"]);
  list(20, object("a", "A", 1), object("b", "B", 15));
  assert.equal(took(), ["modified b B@15", "deleted c C@3"]);
});

lists("the same name with another UID is a deletion and an addition", () => {
  const { list, took } = cacheWithLog();
  list(10, object("a", "A", 1));
  list(20, object("a", "B", 12));
  assert.equal(took(), ["added a A@1", "deleted a A@1", "added a B@12"]);
});

lists("a list from restored storage is believed although its versions are lower", () => {
  const { list, cache, took, state } = cacheWithLog();
  list(100, object("a", "A", 90), object("b", "B", 95));
  cache.applyWatched("DELETED", object("b", "B", 101));
  took();
  list(50, object("a", "A", 40), object("b", "B", 45));
  assert.equal(took(), ["modified a A@40", "added b B@45"]);
  assert.equal(state(), ["A@40", "B@45"]);
});

const watches = suite("watch events (F-8)");

watches("older and repeated versions change nothing", () => {
  const { cache, list, took } = cacheWithLog();
  list(10, object("a", "A", 5));
  cache.applyWatched("MODIFIED", object("a", "A", 12));
  took();
  cache.applyWatched("MODIFIED", object("a", "A", 12));
  cache.applyWatched("MODIFIED", object("a", "A", 11));
  cache.applyWatched("ADDED", object("a", "A", 5));
  assert.equal(took(), []);
  assert.is(cache.resourceVersion, "12", "the place to resume from does not go back");
});

watches("versions are compared as numbers", () => {
  const { cache, list, state } = cacheWithLog();
  list(9, object("a", "A", 9));
  cache.applyWatched("MODIFIED", object("a", "A", 10));
  assert.equal(state(), ["A@10"]);
});

watches("versions that cannot be compared are taken in the order in which they come", () => {
  const { cache, list, state, took } = cacheWithLog();
  list("x", object("a", "A", "v1"));
  cache.applyWatched("MODIFIED", object("a", "A", "v0"));
  assert.equal(state(), ["A@v0"]);
  cache.applyWatched("DELETED", object("a", "A", "v3"));
  cache.applyWatched("ADDED", object("a", "A", "v4"));
  assert.equal(took().slice(-2), ["deleted a A@v3", "added a A@v4"]);
});

watches("a deletion of an earlier object of that name is not for the present one", () => {
  const { cache, list, state } = cacheWithLog();
  list(10, object("a", "B", 9));
  cache.applyWatched("DELETED", object("a", "A", 11));
  assert.equal(state(), ["B@9"]);
});

watches("a replayed event of a deleted object does not revive it", () => {
  const { cache, list, state } = cacheWithLog();
  list(10, object("a", "A", 5));
  cache.applyWatched("DELETED", object("a", "A", 12));
  cache.applyWatched("MODIFIED", object("a", "A", 11));
  assert.equal(state(), []);
});

watches("an object that left the selection may come back", () => {
  const { cache, list, state } = cacheWithLog();
  list(10, object("a", "A", 5));
  cache.applyWatched("DELETED", object("a", "A", 12));
  cache.applyWatched("ADDED", object("a", "A", 14));
  assert.equal(state(), ["A@14"]);
});

watches("an object that cannot be read is left out and told; the rest goes on (F-38)", () => {
  const { cache, list, state, bad } = cacheWithLog();
  const poison = object("p", "P", 3);
  poison.metadata.labels = { poison: "yes" };
  list(10, poison, object("a", "A", 5));
  cache.applyWatched("MODIFIED", { metadata: { ...poison.metadata, resourceVersion: "11" } });
  cache.applyWatched("ADDED", object("b", "B", 12));
  assert.equal(bad, ["n/p", "n/p"]);
  assert.equal(state(), ["A@5", "B@12"]);
  assert.is(cache.resourceVersion, "12");
});

const overlay = suite("own writes (F-9)");

overlay("are visible at once, and the watch's echo is no second change", () => {
  const { cache, list, took } = cacheWithLog();
  list(10);
  cache.noteWritten(object("a", "A", 12));
  assert.equal(took(), ["added a A@12"]);
  cache.applyWatched("ADDED", object("a", "A", 12));
  assert.equal(took(), []);
});

overlay("are not taken back by an event that is older", () => {
  const { cache, list, state } = cacheWithLog();
  list(10, object("a", "A", 5));
  cache.noteWritten(object("a", "A", 15));
  cache.applyWatched("MODIFIED", object("a", "A", 12));
  assert.equal(state(), ["A@15"]);
});

overlay("do not replace what is newer already", () => {
  const { cache, list, state, took } = cacheWithLog();
  list(10, object("a", "A", 5));
  cache.applyWatched("MODIFIED", object("a", "A", 15));
  took();
  cache.noteWritten(object("a", "A", 12));
  assert.equal(took(), []);
  assert.equal(state(), ["A@15"]);
});

overlay("survive a list that is older, and not one that is newer", () => {
  const { cache, list, state, took } = cacheWithLog();
  list(10);
  cache.noteWritten(object("a", "A", 20));
  list(15);
  assert.equal(state(), ["A@20"]);
  took();
  list(25);
  assert.equal(took(), ["deleted a A@20"]);
});

overlay("survive the first list, which may have been taken before the write", () => {
  const { cache, state } = cacheWithLog();
  const listing = cache.beginList("10");
  cache.noteWritten(object("a", "A", 12));
  cache.endList(listing);
  assert.equal(state(), ["A@12"]);
});

overlay("of a new incarnation survive a list that still holds the old one", () => {
  const { cache, list, state } = cacheWithLog();
  list(10, object("a", "A", 5));
  cache.noteWritten(object("a", "B", 20));
  list(15, object("a", "A", 5));
  assert.equal(state(), ["B@20"]);
});

overlay("of a new incarnation survive a list under way that holds an old one never seen before", () => {
  const { cache, state } = cacheWithLog();
  const listing = cache.beginList("15");
  cache.noteWritten(object("a", "B", 20));
  cache.applyListed(listing, object("a", "A", 5));
  cache.endList(listing);
  assert.equal(state(), ["B@20"]);
});

overlay("lose against a deletion that the watch saw before our answer came", () => {
  const { cache, list, state, took } = cacheWithLog();
  list(10);
  cache.applyWatched("ADDED", object("a", "A", 12));
  cache.applyWatched("DELETED", object("a", "A", 13));
  took();
  cache.noteWritten(object("a", "A", 12));
  assert.equal(took(), []);
  assert.equal(state(), []);
});

overlay("that the watch has passed without a word are dropped: they are outside the selection", () => {
  const { cache, list, state, took } = cacheWithLog();
  list(10);
  cache.noteWritten(object("a", "A", 12));
  took();
  cache.applyBookmark("20");
  assert.equal(took(), ["deleted a A@12"]);
  cache.noteWritten(object("b", "B", 15));
  assert.equal(state(), [], "nor do they come in after the watch has passed them");
});

overlay("a write that removes the object from the selection is followed by its removal", () => {
  const { cache, list, state } = cacheWithLog();
  list(10, object("a", "A", 5));
  cache.noteWritten(object("a", "A", 12));
  cache.applyWatched("DELETED", object("a", "A", 11));
  cache.applyBookmark("12");
  assert.equal(state(), []);
});

overlay("an unconfirmed write does not survive lists for ever", () => {
  let now = 0;
  const { cache, list, state } = cacheWithLog(() => now);
  list("x");
  cache.noteWritten(object("a", "A", "v1"));
  now = 60_000;
  list("y");
  assert.equal(state(), ["A@v1"]);
  now = 400_000;
  list("z");
  assert.equal(state(), []);
});

overlay("a noted deletion is final: neither a list under way nor a late answer brings the object back", () => {
  const { cache, list, state, took } = cacheWithLog();
  list(10, object("a", "A", 5));
  took();
  const listing = cache.beginList("11");
  cache.noteDeleted("A");
  assert.equal(took(), ["deleted a A@5"]);
  cache.applyListed(listing, object("a", "A", 5));
  cache.endList(listing);
  cache.noteWritten(object("a", "A", 6));
  cache.applyWatched("MODIFIED", object("a", "A", 7));
  cache.applyWatched("DELETED", object("a", "A", 12));
  assert.equal(took(), []);
  assert.equal(state(), []);
});

overlay("ten thousand deletions later the memory of them is bounded", () => {
  const { cache, list, state } = cacheWithLog();
  list(10);
  for (let i = 0; i < 10_001; i++) cache.noteDeleted(`U${i}`);
  cache.noteWritten(object("new", "U10000", 11));
  cache.noteWritten(object("old", "U0", 12));
  assert.equal(state(), ["U0@12"], "the first is forgotten, the last is not");
});

const wanted = suite("objects that are not wanted");

wanted("they are as if they were not there, whatever tells of them", () => {
  const log: string[] = [];
  const cache = new ObjectCache<Item>({
    project: ({ metadata }) => ({ metadata }),
    wants: ({ metadata }) => metadata.name !== "other" || metadata.uid === "mine",
    emit: ({ type, object: { metadata } }) => log.push(`${type} ${metadata.uid}@${metadata.resourceVersion}`),
    onBadObject: (key) => assert.unreachable(key),
  });
  const listing = cache.beginList("10");
  cache.applyListed(listing, object("other", "o1", 5));
  cache.applyListed(listing, object("a", "a1", 6));
  cache.endList(listing);
  cache.applyWatched("MODIFIED", object("other", "o1", 11));
  cache.noteWritten(object("other", "o1", 12));
  cache.applyWatched("DELETED", object("other", "o1", 13));
  assert.equal(log.splice(0), ["added a1@6"]);
  assert.is(cache.size, 1);
  assert.is(cache.resourceVersion, "13");
});

wanted("one that takes the place of a wanted one removes it", () => {
  const log: string[] = [];
  const cache = new ObjectCache<Item>({
    project: ({ metadata }) => ({ metadata }),
    wants: ({ metadata }) => metadata.uid === "mine",
    emit: ({ type, object: { metadata } }) => log.push(`${type} ${metadata.uid}`),
    onBadObject: (key) => assert.unreachable(key),
  });
  cache.applyWatched("ADDED", object("a", "mine", 1));
  const listing = cache.beginList("5");
  cache.applyListed(listing, object("a", "theirs", 4));
  cache.endList(listing);
  assert.equal(log, ["added mine", "deleted mine"]);
  assert.is(cache.size, 0);
});

histories.run();
echoes.run();
lists.run();
watches.run();
overlay.run();
wanted.run();
