import * as assert from "uvu/assert";
import type { Sql } from "../../../store/sql.ts";
import { type HistorySpan, VestaHistory } from "../../../store/vesta-history.ts";
import { VestaHosts } from "../../../store/vesta-hosts.ts";
import { randomSource } from "../../support/random.ts";
import { WatchedSql } from "../../support/watched-sql.ts";

/** Adds what holds for the history of vesta's hosts whatever database it is in. `open` is asked for one with nothing in it; `explain` makes a statement tell its plan. */
export function vestaHistoryCases(
  test: (title: string, work: () => Promise<void>) => void,
  open: () => Promise<Sql>,
  explain: string,
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

  /** What `sample` says that it gives. */
  const sampleOf = (all: readonly number[], most: number, { fromMs, toMs }: HistorySpan): number[] => {
    const within = all.filter((time) => time >= fromMs && time <= toMs);
    const [first = 0, last = 0] = [within[0], within.at(-1)];
    const every = within.length > most ? Math.ceil((last - first + 1) / (most - 1)) : 1;
    const bySlot = new Map<number, number>();
    for (const time of within.toReversed()) bySlot.set(Math.floor((time - first) / every), time);
    return [...new Set([...bySlot.values(), ...within.slice(-1)])].sort((a, b) => a - b);
  };
  const sample = async (history: VestaHistory, host: string, most: number, span: HistorySpan): Promise<number[]> => {
    const found: number[] = [];
    for await (const { timeMs } of history.sample(host, most, span)) found.push(timeMs);
    return found;
  };

  test("V-47: of a time with many rows the first of each of so many slots is given, and the last of all", async () => {
    const sql = await open();
    const history = new VestaHistory(sql);
    const seed = Number(process.env.SEED ?? 20_261_122);
    const random = randomSource(seed);
    for (let round = 0; round < 40; round++) {
      const host = `h${round}`;
      const end = 1_800_000_000_000;
      const start = end - random.pick([10, 5_000, 86_400_000]);
      const all = Array.from({ length: random.integer(0, 900) }, () => random.integer(start, end)).sort(
        (a, b) => a - b,
      );
      await fill(sql, host, all);
      const most = random.pick([2, 3, 50, 400, 1_000]);
      const fromMs = random.pick([0, start, random.integer(start, end)]);
      const span = { fromMs, toMs: random.pick([Number.MAX_SAFE_INTEGER, end, random.integer(fromMs, end)]) };
      const found = await sample(history, host, most, span);
      const text = `seed ${seed}, round ${round}`;
      assert.equal(found, sampleOf(all, most, span), text);
      assert.ok(found.length <= most, text);
    }
  });

  test("V-47: a sample of a host is of that host, in order, whole where rows are long, and the first of one time", async () => {
    const sql = await open();
    const history = new VestaHistory(sql);
    const long = JSON.stringify({ text: "x".repeat(200_000) });
    await fill(sql, "a", [40, 10, 30, 20]);
    await fill(sql, "b", [25], long);
    await fill(sql, "same", [7, 7]);
    await fill(sql, "same", [7, 9], long);
    const all = { fromMs: 0, toMs: 100 };
    assert.equal(await sample(history, "a", 10, all), [10, 20, 30, 40]);
    assert.equal(await sample(history, "a", 10, { fromMs: 20, toMs: 30 }), [20, 30]);
    assert.equal(await sample(history, "a", 10, { fromMs: 41, toMs: 100 }), []);
    assert.equal(await sample(history, "nobody", 10, all), []);
    for await (const { host, data } of history.sample("b", 10, all)) assert.equal([host, data], ["b", long]);
    const lengths: number[] = [];
    for await (const { data } of history.sample("same", 3, all)) lengths.push(data.length);
    assert.equal(lengths, [2, long.length]);
  });

  test("V-66: a sample of very many rows is found by the index, and no more is read than is given", async () => {
    const watched = new WatchedSql(await open());
    const history = new VestaHistory(watched);
    const minute = 60_000;
    // As long as that of a host of some GPUs is: a table of a few pages is rightly read from end to end.
    const data = JSON.stringify({ text: "x".repeat(1_500) });
    const all = Array.from({ length: 15_000 }, (_, n) => n * minute);
    await fill(watched, "a", all, data);
    await fill(watched, "b", [5, 6, 7]);
    for (const isAnalyzed of [false, true]) {
      if (isAnalyzed) await watched.write([{ text: "ANALYZE vesta_history" }]);
      watched.statements.splice(0);
      const found = await sample(history, "a", 1_000, { fromMs: 0, toMs: 15_000 * minute });
      assert.equal([found.length, found[0], found.at(-1)], [1_000, 0, 14_999 * minute]);
      const statements = watched.statements.splice(0);
      assert.is(statements.length, 2 + 1_000 / 200);
      for (const { text, values = [] } of statements) {
        const plan = JSON.stringify(await watched.read({ text: `${explain} ${text}`, values }));
        assert.match(plan, /vesta_history_by_host|vesta_history_pkey|INTEGER PRIMARY KEY/, plan);
        assert.not.match(plan, /SCAN (?:[nfh]|vesta_history)\b|Seq Scan on vesta_history/, plan);
      }
    }
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
