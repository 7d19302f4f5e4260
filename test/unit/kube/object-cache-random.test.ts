import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ObjectCache } from "../../../kube/object-cache.ts";
import type { KubeObject, ObjectMeta } from "../../../kube/resource.ts";
import { randomSource } from "../../support/random.ts";

interface Item {
  metadata: ObjectMeta;
}

interface HistoryEvent {
  type: "ADDED" | "MODIFIED" | "DELETED";
  uid: string;
  name: string;
  version: number;
}

const NAMES = ["a", "b", "c", "d"];
const STEPS = 300;
const SEEDS = 400;

const raw = ({ uid, name, version }: HistoryEvent): KubeObject => ({
  metadata: { namespace: "n", name, uid, resourceVersion: String(version) },
});

/**
 * Plays a random history of a server against the cache: our own writes and others', with answers that come late or
 * never, a watch that lags, repeats itself and breaks, lists under way while writes are noted, and bookmarks. Whatever
 * the order, what the cache announces must add up to what it holds, no object may go back or vanish while it lives, and
 * in the end the cache must hold what the server holds.
 */
function play(seed: number): void {
  const random = randomSource(seed);
  const history: HistoryEvent[] = [];
  const stored = new Map<string, HistoryEvent>();
  const answers: { event: HistoryEvent; gone: boolean }[] = [];
  const mirror = new Map<string, Item>();
  const newest = new Map<string, number>();
  const deleted = new Set<string>();
  let version = 10;
  let uids = 0;
  let delivered = 0;

  const cache = new ObjectCache<Item>({
    project: ({ metadata }) => ({ metadata }),
    onBadObject: (key, error) => assert.unreachable(`${key}: ${error}`),
    emit: ({ type, key, object, previous }) => {
      const { uid, resourceVersion } = object.metadata;
      const held = mirror.get(key);
      assert.is(type === "added", held === undefined, `${type} of ${key} while it is ${held ? "" : "not "}there`);
      if (type !== "added") assert.is(previous, held, "previous is what was announced last");
      if (type === "deleted") {
        assert.is.not(stored.get(object.metadata.name)?.uid, uid, `${uid} was announced as deleted and lives`);
        mirror.delete(key);
        deleted.add(uid);
        return;
      }
      assert.ok(!deleted.has(uid), `${uid} came back`);
      assert.ok(Number(resourceVersion) > (newest.get(uid) ?? 0), `${uid} went back to ${resourceVersion}`);
      newest.set(uid, Number(resourceVersion));
      mirror.set(key, object);
    },
  });

  const write = (): HistoryEvent => {
    const name = random.pick(NAMES);
    const held = stored.get(name);
    version += random.integer(1, 3);
    const event: HistoryEvent = held
      ? { type: random.integer(0, 2) === 0 ? "DELETED" : "MODIFIED", uid: held.uid, name, version }
      : { type: "ADDED", uid: `u${uids++}`, name, version };
    if (event.type === "DELETED") stored.delete(name);
    else stored.set(name, event);
    history.push(event);
    return event;
  };
  const answer = () => {
    const { event, gone } = answers.splice(random.integer(0, answers.length - 1), 1)[0] ?? {};
    if (event === undefined) return;
    if (gone) cache.noteDeleted(event.uid);
    else cache.noteWritten(raw(event));
  };
  const deliver = () => {
    const event = history[delivered];
    if (event === undefined) return;
    delivered++;
    cache.applyWatched(event.type, raw(event));
  };
  const list = () => {
    const snapshot = [...stored.values()];
    const listing = cache.beginList(String(version));
    const upTo = history.length;
    for (const event of snapshot) {
      if (random.integer(0, 3) === 0) write();
      if (random.integer(0, 3) === 0) answer();
      cache.applyListed(listing, raw(event));
    }
    if (random.integer(0, 1) === 0) answer();
    cache.endList(listing);
    delivered = upTo;
  };

  list();
  for (let step = 0; step < STEPS; step++) {
    const dice = random.integer(0, 99);
    if (dice < 30) {
      const event = write();
      // Every other write is ours: its answer will be noted some time later, or is lost.
      if (random.integer(0, 1) === 0) answers.push({ event, gone: event.type === "DELETED" });
    } else if (dice < 55) answer();
    else if (dice < 85) deliver();
    else if (dice < 90) {
      const old = history[random.integer(0, Math.max(0, delivered - 1))];
      if (old && delivered > 0) cache.applyWatched(old.type, raw(old));
    } else if (dice < 94) list();
    else if (delivered === history.length) cache.applyBookmark(String(version));
  }
  while (delivered < history.length) deliver();
  cache.applyBookmark(String(version));

  const held = (items: Iterable<Item>) =>
    [...items].map(({ metadata }) => `${metadata.name} ${metadata.uid}@${metadata.resourceVersion}`).sort();
  const truth = [...stored.values()].map(({ name, uid, version: at }) => `${name} ${uid}@${at}`).sort();
  assert.equal(held(cache.values()), truth, "the cache holds what the server holds");
  assert.equal(held(mirror.values()), truth, "and has announced it");
}

const random = suite("random histories (F-8, F-9)");

random(`${SEEDS} histories of ${STEPS} steps end in the server's state`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      play(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
});

random.run();
