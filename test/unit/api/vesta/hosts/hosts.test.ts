// timeout: 300
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Hosts } from "../../../../../api/vesta/hosts/hosts.ts";
import { NoRoom } from "../../../../../api/vesta/hosts/hosts.ts";
import { Watcher } from "../../../../../api/vesta/hosts/watcher.ts";
import { silentLogger } from "../../../../../kube/logger.ts";
import type { Sql } from "../../../../../store/sql.ts";
import { VestaHosts } from "../../../../../store/vesta-hosts.ts";
import { embeddedStores } from "../../../store/store-cases.ts";
import { hostsOn, messages, payload, told } from "./hosts-stage.ts";

const test = suite("hosts of vesta");
const stores = embeddedStores(test);
const NODE = { id: "node/n-1", name: "n-1", form: "n_1", ipAddress: "10.0.0.1", otherName: "n-1_x" };
let count = 0;

function opened(): Sql {
  return stores.open(`hosts-${count++}.db`);
}

function watcherOf(hosts: Hosts, clock: { now: number }, isActive = (): boolean => true): Watcher {
  const parts = { hosts, isActive, messages, everyMs: 5_000, downAfterMs: 60_000, logger: silentLogger };
  return new Watcher({ ...parts, report: () => undefined, now: () => clock.now });
}

test("V-24, V-25, V-26: a machine registers under a name of its own, and starts as running without an entry", async () => {
  const sql = opened();
  const clock = { now: 5_000 };
  const hosts = await hostsOn(sql, "one", clock);
  const one = await hosts.register("mau.local", "10.0.0.7");
  assert.match(one.id, /^[1-9a-f][0-9a-f]{0,31}$/);
  assert.equal(
    { ...one, id: "" },
    {
      ...{ id: "", name: "mau_local", ipAddress: "10.0.0.7", source: "sender", status: "running", arrival: 1 },
      ...{ hadContact: true, lastContactMs: 5_000, payload: null, payloadMs: null },
    },
  );
  const other = await hosts.register("mau-local", "10.0.0.8");
  assert.match(other.name, /^mau_local_[0-9a-f]{8}$/);
  assert.is.not(other.id, one.id);
  assert.equal(await told(sql), ["uplink mau_local", `uplink ${other.name}`]);
  await hosts.noteNodes([NODE], [], 0);
  assert.match((await hosts.register("n_1", "")).name, /^n_1_[0-9a-f]{8}$/);
  await hosts.stop();
});

test("V-26: hundreds that call themselves the same at the same time get as many names", async () => {
  const sql = opened();
  const hosts = await hostsOn(sql, "one", { now: 1 });
  const entered = await Promise.all(Array.from({ length: 50 }, () => hosts.register("lab", "10.0.0.7")));
  assert.is(new Set(entered.map(({ name }) => name)).size, 50);
  assert.is(new Set(entered.map(({ id }) => id)).size, 50);
  assert.is(hosts.list().length, 50);
  assert.is(new Set(await told(sql)).size, 50);
  await hosts.stop();
});

test("V-28, V-29: a post is shown when it is answered, and written to the history once in an interval", async () => {
  const sql = opened();
  const clock = { now: 1_000 };
  const hosts = await hostsOn(sql, "one", clock);
  const { id } = await hosts.register("lab", "10.0.0.7");
  clock.now = 2_000;
  assert.is(await hosts.update(id, payload(11)), "ok");
  const shown = hosts.find("lab");
  assert.equal([shown?.payload, shown?.payloadMs, shown?.lastContactMs], [payload(11), 2_000, 2_000]);
  assert.equal(shown && hosts.newestRow(shown), { timeMs: 2_000, data: payload(11) });
  clock.now = 61_999;
  await hosts.update(id, payload(12));
  assert.is(shown && hosts.newestRow(shown)?.timeMs, 2_000);
  clock.now = 62_000;
  await hosts.update(id, payload(13));
  const rows = [];
  for await (const { row } of hosts.history(["lab"], { newest: "all" })) rows.push(row);
  assert.equal(rows, [
    { timeMs: 2_000, data: payload(11) },
    { timeMs: 62_000, data: payload(13) },
  ]);
  assert.is(await hosts.update("1234", payload()), "unknown");
  assert.is(await hosts.update("node/n-1", payload()), "unknown");
  await hosts.stop();
});

test("V-5: everything outlives the process, and another one shows it", async () => {
  const path = `hosts-${count++}.db`;
  const clock = { now: 1_000 };
  const sql = stores.open(path);
  const before = await hostsOn(sql, "one", clock);
  const { id } = await before.register("lab", "10.0.0.7");
  await before.noteNodes([NODE], [], 0);
  await Promise.all([
    before.update(id, payload(5)),
    before.noteReading(NODE.id, { atMs: 900, payload: payload(6), idle: { "GPU-1": 900 } }),
    before.flush(),
  ]);
  const hosts = before.list();
  await before.stop();
  const after = await hostsOn(stores.open(path), "two", clock);
  assert.equal(after.list(), hosts);
  assert.equal(
    after.list().map((host) => after.newestRow(host)),
    hosts.map((host) => before.newestRow(host)),
  );
  const node = after.find("n_1");
  assert.is(node && after.idleSinceMs(node, "GPU-1"), 900);
  assert.is(node && after.idleSinceMs(node, "constructor"), undefined);
  await after.stop();
});

test("V-5: what one process writes another shows with its next look, also what both have changed", async () => {
  const sql = opened();
  const clock = { now: 1_000 };
  const [one, two] = [await hostsOn(sql, "one", clock), await hostsOn(sql, "two", clock)];
  const { id } = await one.register("lab", "10.0.0.7");
  assert.is(await two.update(id, payload(1)), "ok", "not looked at yet");
  await one.refresh();
  assert.equal(one.find("lab")?.payload, payload(1));
  // A node takes the name, which the other process does not know when the machine posts.
  await one.noteNodes([{ ...NODE, name: "lab", form: "lab" }], [], 0);
  await two.update(id, payload(2));
  await Promise.all([one.refresh(), two.refresh()]);
  assert.equal(one.list(), two.list());
  assert.equal(
    two.list().map(({ name }) => name),
    ["lab", "n-1_x"],
  );
  clock.now = 100_000;
  await one.markSilent(50_000);
  await two.refresh();
  assert.is(two.find("n-1_x")?.status, "down");
  const machine = one.find("n-1_x");
  assert.ok(machine);
  await one.remove(machine);
  assert.is(await two.update(id, payload(3)), "unknown");
  await two.refresh();
  assert.equal(
    two.list().map(({ name }) => name),
    ["lab"],
  );
  await Promise.all([one.stop(), two.stop()]);
});

test("V-35: hosts are in the order of their addresses as texts, or of their names, and of their arrival", async () => {
  const sql = opened();
  const hosts = await hostsOn(sql, "one", { now: 1 });
  for (const [name, ip] of [
    ["b", "10.0.0.2"],
    ["\u{1F600}", "10.0.0.10"],
    ["\u{FF21}", "10.0.0.10"],
    ["a", "10.0.0.10"],
  ] as const) {
    await hosts.register(name, ip);
  }
  const names = (shown: Hosts): string[] => shown.list().map(({ name }) => name);
  assert.equal(names(hosts), ["\u{1F600}", "\u{FF21}", "a", "b"]);
  const byName = await hostsOn(sql, "two", { now: 1 }, { order: "name" });
  assert.equal(names(byName), ["a", "b", "\u{FF21}", "\u{1F600}"]);
  await Promise.all([hosts.stop(), byName.stop()]);
});

test("V-9, section 12, 26: a host is found by its name, or else by the form that a machine's name would have", async () => {
  const hosts = await hostsOn(opened(), "one", { now: 1 });
  await hosts.noteNodes([NODE, { ...NODE, id: "node/n.1", name: "n.1" }], [], 0);
  assert.is(hosts.find("n-1")?.name, "n-1");
  assert.is(hosts.find("n.1")?.name, "n.1");
  assert.is(hosts.find("n_1")?.name, "n-1");
  assert.is(hosts.find("n:1"), undefined);
  await hosts.stop();
});

test("V-7, V-56, V-57, section 12, 15: a host that is silent for too long is down, once, and up again, once, also under a burst", async () => {
  const sql = opened();
  const clock = { now: 1_000_000 };
  const hosts = await hostsOn(sql, "one", clock);
  const watcher = watcherOf(hosts, clock);
  const { id } = await hosts.register("lab", "10.0.0.7");
  await hosts.noteNodes([NODE], [], 0);
  await watcher.round();
  const changes: string[] = [];
  hosts.onChange((host, what) => changes.push(`${host.name} ${what} ${host.status}`));
  // A machine that has never posted has the whole time.
  clock.now += 60_000;
  await watcher.round();
  assert.is(hosts.find("lab")?.status, "running");
  clock.now += 1;
  await Promise.all([watcher.round(), watcher.round()]);
  clock.now += 500_000;
  await watcher.round();
  await Promise.all(Array.from({ length: 40 }, (_, n) => hosts.update(id, payload(n))));
  assert.is(hosts.find("lab")?.status, "running");
  for (let second = 0; second < 300; second += 5) {
    clock.now += 5_000;
    await hosts.update(id, payload(second % 100));
    await watcher.round();
  }
  assert.equal(await told(sql), ["uplink lab", "server-up", "down lab", "re-uplink lab"]);
  assert.equal(changes.slice(0, 3), ["lab status down", "lab status running", "lab contact running"]);
  // A node that was never heard of is not said to be lost.
  assert.is(hosts.find("n-1")?.status, "waiting for re-uplink");
  await hosts.noteReading(NODE.id, { atMs: clock.now, payload: payload(), idle: {} });
  assert.is((await told(sql)).at(-1), "uplink n-1");
  await hosts.stop();
});

test("V-11, section 12, 16: after a pause of watching, those that were silent wait for their next contact without a message, the others stay", async () => {
  const sql = opened();
  const clock = { now: 1_000_000 };
  const before = await hostsOn(sql, "one", clock);
  const [old, fresh, down] = await Promise.all(["old", "fresh", "gone"].map((name) => before.register(name, "")));
  const first = watcherOf(before, clock);
  await first.round();
  clock.now += 61_000;
  await before.update(old?.id ?? "", payload());
  await before.update(fresh?.id ?? "", payload());
  await first.round();
  clock.now += 1_000;
  assert.is(down && before.find("gone")?.status, "waiting for re-uplink", "the first round was long ago");
  await before.update(fresh?.id ?? "", payload());
  await before.stop();
  const so_far = await told(sql);
  // Up to the border: the one that posted last is exactly so old that it stays.
  clock.now += 60_000;
  const after = await hostsOn(sql, "two", clock);
  const watcher = watcherOf(after, clock);
  await watcher.round();
  assert.equal(
    ["old", "fresh", "gone"].map((name) => after.find(name)?.status),
    ["waiting for re-uplink", "running", "waiting for re-uplink"],
  );
  assert.equal((await told(sql)).slice(so_far.length), ["server-up"]);
  clock.now += 5_000;
  await watcher.round();
  assert.is(after.find("fresh")?.status, "down");
  await after.update(old?.id ?? "", payload());
  assert.equal((await told(sql)).slice(so_far.length), ["server-up", "down fresh", "re-uplink old"]);
  await after.stop();
});

test("V-56: a process that stood still, or a clock that was set, costs no host its status, nor a message", async () => {
  const sql = opened();
  const clock = { now: 10_000_000 };
  const hosts = await hostsOn(sql, "one", clock);
  const watcher = watcherOf(hosts, clock);
  const { id } = await hosts.register("lab", "");
  await watcher.round();
  clock.now += 3_600_000;
  await watcher.round();
  assert.is(hosts.find("lab")?.status, "waiting for re-uplink");
  await hosts.update(id, payload());
  const so_far = await told(sql);
  assert.equal(so_far, ["uplink lab", "server-up", "re-uplink lab"]);
  // An hour back.
  clock.now -= 3_600_000;
  await watcher.round();
  assert.is(hosts.find("lab")?.lastContactMs, clock.now);
  clock.now += 55_000;
  await watcher.round();
  assert.is(hosts.find("lab")?.status, "running");
  clock.now += 6_000;
  await watcher.round();
  assert.is(hosts.find("lab")?.status, "down");
  await hosts.stop();
});

test("V-5: of two that watch, because one has not noticed yet that it is not to, one tells of each change", async () => {
  const sql = opened();
  const clock = { now: 1_000_000 };
  const both = [await hostsOn(sql, "one", clock), await hostsOn(sql, "two", clock)] as const;
  const ids = await Promise.all(Array.from({ length: 20 }, async (_, n) => (await both[0].register(`m${n}`, "")).id));
  const watchers = both.map((hosts) => watcherOf(hosts, clock));
  for (const watcher of watchers) await watcher.round();
  await both[1].refresh();
  for (let round = 0; round < 3; round++) {
    clock.now += 30_000;
    await Promise.all(watchers.map((watcher) => watcher.round()));
    clock.now += 31_000;
    await Promise.all(watchers.map((watcher) => watcher.round()));
    await Promise.all(ids.flatMap((id) => both.map((hosts) => hosts.update(id, payload(round)))));
  }
  const kinds = (await told(sql)).map((text) => text.split(" ")[0]);
  const number = (kind: string): number => kinds.filter((one) => one === kind).length;
  assert.equal([number("uplink"), number("down"), number("re-uplink")], [20, 60, 60]);
  await Promise.all(both.map((hosts) => hosts.stop()));
});

test("V-11: whoever does not lead does not watch", async () => {
  const sql = opened();
  const clock = { now: 1_000_000 };
  const hosts = await hostsOn(sql, "one", clock);
  await hosts.register("lab", "");
  let leads = false;
  const watcher = watcherOf(hosts, clock, () => leads);
  await watcher.round();
  clock.now += 100_000;
  await watcher.round();
  assert.is(hosts.find("lab")?.status, "running");
  leads = true;
  await watcher.round();
  assert.is(hosts.find("lab")?.status, "waiting for re-uplink");
  await hosts.stop();
});

test("V-8: only nodes that exist are shown, and those that went keep their history", async () => {
  const sql = opened();
  const clock = { now: 1_000 };
  const hosts = await hostsOn(sql, "one", clock);
  const other = { ...NODE, id: "node/n2", name: "n2", form: "n2", ipAddress: "10.0.0.2" };
  await hosts.noteNodes([NODE, other], [], 0);
  await hosts.noteReading(NODE.id, { atMs: 900, payload: payload(), idle: {} });
  const changes: string[] = [];
  hosts.onChange((host, what) => changes.push(`${host.name} ${what}`));
  hosts.showNodes(new Set(["n2"]));
  assert.equal(
    hosts.list().map(({ name }) => name),
    ["n2"],
  );
  assert.is(hosts.find("n-1"), undefined);
  assert.equal(changes, ["n-1 removed"]);
  await hosts.noteNodes([], [NODE.id], 0);
  assert.is(hosts.get(NODE.id), undefined);
  clock.now = 500_000;
  hosts.showNodes(new Set(["n2", "n-1"]));
  await hosts.noteNodes([NODE], [], 440_000);
  const back = hosts.find("n-1");
  assert.is(back?.status, "waiting for re-uplink");
  assert.equal(back && hosts.newestRow(back), { timeMs: 900, data: payload() });
  assert.equal(await told(sql), ["uplink n-1"]);
  await hosts.stop();
});

test("V-27: machines and what they post are bounded", async () => {
  const clock = { now: 1 };
  const hosts = await hostsOn(opened(), "one", clock, { limits: { senders: 2, payloadBytes: 900 } });
  const [a, b] = [await hosts.register("a", ""), await hosts.register("b", "")];
  const refusal = async (work: Promise<unknown>): Promise<string> => {
    const error = await work.then(
      () => "",
      (thrown: unknown) => thrown,
    );
    assert.instance(error, NoRoom);
    return (error as NoRoom).message;
  };
  assert.match(await refusal(hosts.register("c", "")), /^2 machines are registered already; forget some/);
  assert.is(await hosts.update(a.id, payload()), "ok");
  const large = { ...payload(), "gpu:1": { ...payload()["gpu:0"], uuid: "x".repeat(250) } } as ReturnType<
    typeof payload
  >;
  assert.match(await refusal(hosts.update(b.id, large)), /more than there is room for/);
  assert.is(hosts.find("b")?.payload, null);
  // What takes the place of something else is counted instead of it.
  assert.is(await hosts.update(a.id, payload(99)), "ok");
  await hosts.remove(a);
  assert.is(await hosts.update(b.id, large), "ok");
  assert.is(hosts.list().length, 1);
  await hosts.register("d", "");
  await hosts.stop();
});

test("V-28: what could not be stored is not shown, and is stored the next time", async () => {
  const sql = opened();
  const clock = { now: 1_000 };
  let isBroken = false;
  const breaking: Sql = {
    ...{ tidy: () => sql.tidy(), close: () => sql.close() },
    read: async (statement) => await sql.read(statement),
    async write(statements) {
      const done = await sql.write(statements);
      // The answer is lost: it was done all the same.
      if (isBroken) throw new Error("no answer");
      return done;
    },
  };
  const hosts = await hostsOn(sql, "one", clock, { store: new VestaHosts(breaking, "one") });
  const { id } = await hosts.register("lab", "");
  isBroken = true;
  clock.now = 2_000;
  const failed = await hosts.update(id, payload(7)).catch((error: Error) => error.message);
  assert.is(failed, "no answer");
  assert.is(hosts.find("lab")?.payload, null);
  isBroken = false;
  await hosts.refresh();
  assert.equal(hosts.find("lab")?.payload, payload(7), "what was written is found");
  assert.is(await hosts.update(id, payload(8)), "ok");
  await hosts.stop();
});

test.run();
