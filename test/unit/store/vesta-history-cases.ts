import * as assert from "uvu/assert";
import type { Sql } from "../../../store/sql.ts";
import { VestaHistory } from "../../../store/vesta-history.ts";
import { VestaHosts } from "../../../store/vesta-hosts.ts";
import { randomSource } from "../../support/random.ts";

/** Adds what holds for the history of vesta's hosts whatever database it is in. `open` is asked for one with nothing in it. */
export function vestaHistoryCases(
  test: (title: string, work: () => Promise<void>) => void,
  open: () => Promise<Sql>,
): void {
  const fill = async (sql: Sql, host: string, times: readonly number[], data = "{}"): Promise<void> => {
    const hosts = new VestaHosts(sql, "one");
    if ((await hosts.get(host)) === undefined) {
      await hosts.add({ id: host, name: host, ipAddress: "", atMs: 0 }, 100, []);
    }
    for (let at = 0; at < times.length; at += 500) {
      await sql.write([
        {
          text: `INSERT INTO vesta_history (host, timestamp, data) VALUES ${times
            .slice(at, at + 500)
            .map(() => "(?, ?, ?)")
            .join(", ")}`,
          values: times.slice(at, at + 500).flatMap((time) => [host, time, data]),
        },
      ]);
    }
  };
  const times = async (history: VestaHistory, host: string, most = 100_000): Promise<number[]> => {
    const found: number[] = [];
    for await (const { timeMs } of history.rows(host, most)) found.push(timeMs);
    return found;
  };

  test("V-31: the newest rows of a host come oldest first, as many as were asked for, in pieces", async () => {
    const sql = await open();
    const history = new VestaHistory(sql);
    const all = Array.from({ length: 1_001 }, (_, n) => 1_000 + Math.floor(n / 3));
    await fill(sql, "a", all);
    await fill(sql, "b", [5]);
    assert.equal(await times(history, "a"), all);
    for (const most of [0, 1, 2, 200, 201, 400, 1_000, 1_001, 1_002]) {
      assert.equal(await times(history, "a", most), most === 0 ? [] : all.slice(-most), String(most));
    }
    assert.equal(await times(history, "c", 5), []);
    const since: number[] = [];
    for await (const { timeMs } of history.rows("a", 5_000, 1_332)) since.push(timeMs);
    assert.equal(since, [1_332, 1_332, 1_332, 1_333, 1_333]);
  });

  test("V-66: the newest row of many hosts is found at once, also where it is long", async () => {
    const sql = await open();
    const history = new VestaHistory(sql);
    const long = JSON.stringify({ text: "x".repeat(200_000) });
    await fill(sql, "a", [1, 7, 3]);
    await fill(sql, "b", [4], long);
    await fill(sql, "c", []);
    const newest = await history.newest(["a", "b", "c", "nobody"]);
    newest.sort((x, y) => (x.host < y.host ? -1 : 1));
    assert.equal(
      newest.map(({ host, timeMs, data }) => [host, timeMs, data.length]),
      [
        ["a", 7, 2],
        ["b", 4, long.length],
      ],
    );
    assert.equal(await history.newest([]), []);
    for await (const { data } of history.rows("b", 3)) assert.is(data, long);
    // Names of hosts are data.
    const odd = "x'; DROP TABLE vesta_history; --";
    await fill(sql, odd, [9]);
    assert.equal(await times(history, odd), [9]);
    assert.is(await history.drop(odd), 1);
    assert.equal(await times(history, "a"), [1, 3, 7]);
  });

  test("V-67: of old rows the first of each span stays, old ones go, and the newest of a host stays in any case", async () => {
    const sql = await open();
    const history = new VestaHistory(sql);
    const seed = Number(process.env.SEED ?? 20_261_122);
    const random = randomSource(seed);
    for (let round = 0; round < 40; round++) {
      const host = `h${round}`;
      const every = random.pick([1, 7, 600, 1_000]);
      const span = random.pick([10, 500, 5_000]);
      const rows = Array.from({ length: random.integer(0, 120) }, () => random.integer(1, span)).sort((a, b) => a - b);
      await fill(sql, host, rows);
      const cutoff = random.integer(0, span + 10);
      const from = random.pick([0, 0, random.integer(0, span)]);
      const before = random.integer(0, span);
      const newestIndex = rows.length - 1;
      const seen = new Set<number>();
      const thinned = rows.filter((time, index) => {
        if (time < from || time >= cutoff) return true;
        const place = Math.floor(time / every);
        const isFirst = !seen.has(place);
        seen.add(place);
        return isFirst || index === newestIndex;
      });
      const text = `seed ${seed}, round ${round}`;
      assert.is(await history.thin(host, every, from, cutoff), rows.length - thinned.length, text);
      assert.equal(await times(history, host), thinned, text);
      // Once more changes nothing but what the newest row kept from being thinned.
      assert.is(await history.thin(host, every, from, cutoff), 0, text);
      const left = thinned.filter((time, index) => time >= before || index === thinned.length - 1);
      assert.is(await history.expire(host, before), thinned.length - left.length, text);
      assert.equal(await times(history, host), left, text);
    }
  });

  test("V-67: what is thinned again and again, as time goes by, is the same as what is thinned once", async () => {
    const sql = await open();
    const history = new VestaHistory(sql);
    const rows = Array.from({ length: 700 }, (_, n) => 13 + n * 17);
    await fill(sql, "often", rows);
    await fill(sql, "once", rows);
    for (let cutoff = 500; cutoff <= 12_000; cutoff += 500) await history.thin("often", 600, 0, cutoff);
    await history.thin("once", 600, 0, 12_000);
    assert.equal(await times(history, "often"), await times(history, "once"));
  });

  test("V-67: more than one statement removes are removed in pieces", async () => {
    const sql = await open();
    const history = new VestaHistory(sql);
    await fill(
      sql,
      "a",
      Array.from({ length: 10_001 }, (_, n) => n + 1),
    );
    assert.is(await history.thin("a", 1_000_000, 0, 1_000_000), 9_999);
    assert.equal(await times(history, "a"), [1, 10_001]);
  });
}
