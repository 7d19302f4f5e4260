import { suite } from "uvu";
import * as assert from "uvu/assert";
import { HistoryKeeper, type HistoryKeeperParts } from "../../../../../api/vesta/hosts/history-keeper.ts";
import { silentLogger } from "../../../../../kube/logger.ts";
import type { Sql } from "../../../../../store/sql.ts";
import { VestaHistory } from "../../../../../store/vesta-history.ts";
import { VestaHosts } from "../../../../../store/vesta-hosts.ts";
import { embeddedStores } from "../../../store/store-cases.ts";
import { hostsOn, payload } from "./hosts-stage.ts";

const test = suite("the history of vesta's hosts");
const stores = embeddedStores(test);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);
let count = 0;

function keeper(sql: Sql, clock: { now: number }, more: Partial<HistoryKeeperParts> = {}): HistoryKeeper {
  return new HistoryKeeper({
    ...{ store: new VestaHosts(sql, "keeper"), history: new VestaHistory(sql), tidy: () => sql.tidy() },
    ...{ isActive: () => true, downsampleSeconds: 600, retentionDays: 30, logger: silentLogger, now: () => clock.now },
    ...more,
  });
}

async function fill(sql: Sql, host: string, fromMs: number, toMs: number, everyMs: number): Promise<void> {
  const times: number[] = [];
  for (let at = fromMs; at < toMs; at += everyMs) times.push(at);
  for (let at = 0; at < times.length; at += 400) {
    const some = times.slice(at, at + 400);
    const text = `INSERT INTO vesta_history (host, timestamp, data) VALUES ${some.map(() => "(?, ?, '{}')").join(", ")}`;
    await sql.write([{ text, values: some.flatMap((time) => [host, time]) }]);
  }
}

async function times(sql: Sql, host: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { timeMs } of new VestaHistory(sql).rows(host, 1_000_000)) found.push(timeMs);
  return found;
}

test("V-67, section 12, 21: after a day one row of ten minutes stays, after thirty days none but the newest of a host", async () => {
  const sql = stores.open(`keeper-${count++}.db`);
  const clock = { now: START };
  const hosts = await hostsOn(sql, "one", clock);
  const [lab, quiet] = await Promise.all(["lab", "quiet"].map(async (name) => (await hosts.register(name, "")).id));
  assert.ok(lab && quiet);
  await fill(sql, lab, START, START + 2 * DAY, 60_000);
  await fill(sql, quiet, START, START + HOUR, 60_000);
  clock.now = START + 2 * DAY;
  const keeps = keeper(sql, clock);
  await keeps.sweep();
  const after = await times(sql, lab);
  assert.is(after.length, 24 * 6 + 24 * 60);
  assert.ok(after.slice(0, 144).every((time, index) => time === START + index * 600_000));
  assert.is((await times(sql, quiet)).length, 7, "the newest row stays beside the first of each span");
  // Hour by hour, as it goes on.
  for (let hour = 0; hour < 26; hour++) {
    await fill(sql, lab, clock.now, clock.now + HOUR, 60_000);
    clock.now += HOUR;
    await keeps.sweep();
  }
  assert.is((await times(sql, lab)).length, 24 * 6 + 26 * 6 + 24 * 60);
  clock.now = START + 40 * DAY;
  await keeps.sweep();
  assert.is((await times(sql, lab)).length, 1);
  assert.equal(await times(sql, quiet), [START + 59 * 60_000]);
  assert.is(await keeps.sweep(), 0);
  await hosts.stop();
});

test("V-67: with 0 nothing is thinned, and nothing is too old", async () => {
  const sql = stores.open(`keeper-${count++}.db`);
  const clock = { now: START };
  const hosts = await hostsOn(sql, "one", clock);
  const { id } = await hosts.register("lab", "");
  await fill(sql, id, START, START + HOUR, 60_000);
  clock.now = START + 4_000 * DAY;
  assert.is(await keeper(sql, clock, { downsampleSeconds: 0, retentionDays: 0 }).sweep(), 0);
  assert.is(await keeper(sql, clock, { retentionDays: 0, isActive: () => false }).sweep(), 0);
  assert.is(await keeper(sql, clock, { retentionDays: 0 }).sweep(), 60 - 7);
  await hosts.stop();
});

test("V-67: machines that were forgotten leave nothing, nodes that are gone their history for as long as there would be any", async () => {
  const sql = stores.open(`keeper-${count++}.db`);
  const clock = { now: START };
  const hosts = await hostsOn(sql, "one", clock);
  const machine = await hosts.register("lab", "");
  const node = { id: "node/n", name: "n", form: "n", ipAddress: "", otherName: "" };
  await hosts.noteNodes([node], [], 0);
  await Promise.all([
    hosts.update(machine.id, payload()),
    hosts.noteReading(node.id, { atMs: START, payload: payload(), idle: {} }),
  ]);
  await hosts.remove(machine);
  assert.equal(await times(sql, machine.id), []);
  // A process that was killed in the middle of that has left a row.
  await fill(sql, machine.id, START, START + 1, 1);
  await hosts.noteNodes([], [node.id], 0);
  const keeps = keeper(sql, clock);
  assert.is(await keeps.sweep(), 1);
  assert.equal(await times(sql, machine.id), []);
  const ids = async (): Promise<string[]> => (await new VestaHosts(sql, "x").ids("", 10)).map(({ id }) => id);
  assert.equal((await ids()).sort(), [machine.id, node.id].sort(), "other processes have yet to hear of it");
  clock.now = START + 2 * HOUR;
  await keeps.sweep();
  assert.equal(await ids(), [node.id]);
  clock.now = START + 29 * DAY;
  await keeps.sweep();
  assert.is((await times(sql, node.id)).length, 1);
  clock.now = START + 31 * DAY;
  await keeps.sweep();
  assert.equal(await times(sql, node.id), []);
  assert.equal(await ids(), []);
  await hosts.stop();
});

test.run();
