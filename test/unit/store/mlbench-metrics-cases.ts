import type { Test } from "uvu";
import * as assert from "uvu/assert";
import { type MetricEntry, type MetricOwner, MlbenchMetrics, type OwnedEntry } from "../../../store/mlbench-metrics.ts";
import type { Row, Sql, Statement } from "../../../store/sql.ts";
import { StoreProblem } from "../../../store/store-problem.ts";
import { problemOf } from "./store-cases.ts";

const RUN: MetricOwner = "run:1";

/** An entry of run 1 of the given second. */
export function metricEntry(second: number, more: Partial<OwnedEntry> = {}): OwnedEntry {
  const date = `${new Date(second * 1000).toISOString().slice(0, 19)}.000000Z`;
  return { owner: RUN, name: "loss", date, value: String(second), metadata: "", cumulative: false, ...more };
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const valuesOf = (entries: readonly MetricEntry[]): string[] => entries.map(({ value }) => value);

/** Counts transactions, and can hold them up or fail. */
class Watched implements Sql {
  readonly writes: (readonly Statement[])[] = [];
  before: (statements: readonly Statement[]) => Promise<void> = async () => {};
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  read(statement: Statement): Promise<Row[]> {
    return this.#sql.read(statement);
  }

  async write(statements: readonly Statement[]): Promise<number[]> {
    this.writes.push(statements);
    await this.before(statements);
    return await this.#sql.write(statements);
  }

  tidy(): Promise<void> {
    return this.#sql.tidy();
  }

  close(): Promise<void> {
    return this.#sql.close();
  }
}

/** What holds for metrics in every store. */
export function mlbenchMetricsCases(test: Test, open: () => Promise<Sql>): void {
  let shared: Promise<Sql> | undefined;
  let runs = 100;
  /** Metrics in a store that all cases share, and a run that nobody else has. */
  const place = async (): Promise<{ metrics: MlbenchMetrics; owner: MetricOwner; sql: Sql }> => {
    shared ??= open();
    const sql = await shared;
    return { metrics: new MlbenchMetrics(sql), owner: `run:${runs++}`, sql };
  };

  test("M-74: an entry is given back as it was stored, whatever its texts hold", async () => {
    const { metrics, owner } = await place();
    const entries: OwnedEntry[] = [
      metricEntry(1, { owner, name: "n".repeat(50), value: "é".repeat(255), metadata: "{rank: 0, epoch:1.0}" }),
      metricEntry(1, { owner, name: "𝛼".repeat(50), value: "😀".repeat(255), metadata: 'a "b" \\ \n\r\t\u0001 日本' }),
      metricEntry(1, { owner, name: "long", value: "NaN", metadata: "é".repeat(500_000), cumulative: true }),
      metricEntry(1, { owner, name: "old", date: "0001-01-01T00:00:00.000001Z" }),
      metricEntry(1, { owner, name: "late", date: "9999-12-31T23:59:59.999999Z" }),
      metricEntry(1, { owner, name: "'; DROP TABLE mlbench_metric; --", value: "", metadata: "?" }),
    ];
    await metrics.add(entries);
    for (const { owner: _, ...entry } of entries) {
      assert.equal(await allOf(metrics.entries(owner, entry.name)), [entry], entry.name);
    }
    assert.equal(await allOf(metrics.entries("run:99", "long")), []);
  });

  test("M-19: names ascend by code point, entries by date and then by arrival", async () => {
    const { metrics, owner } = await place();
    const names = ["val @ 0", "Val", "val @ 10", "val @ 2", "é", "z", "_", "a", "Z", "𝛼", "\uffee"];
    await metrics.add(names.map((name) => metricEntry(1, { owner, name })));
    assert.equal(
      await allOf(metrics.names(owner)),
      [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
    await metrics.add([5, 3, 4].map((second) => metricEntry(second, { owner, name: "o", value: `a${second}` })));
    await metrics.add([4, 5, 3].map((second) => metricEntry(second, { owner, name: "o", value: `b${second}` })));
    assert.equal(valuesOf(await allOf(metrics.entries(owner, "o"))), ["a3", "b3", "a4", "b4", "a5", "b5"]);
  });

  test("M-22: a range holds both of its ends", async () => {
    const { metrics, owner } = await place();
    await metrics.add([1, 2, 3, 4, 5].map((second) => metricEntry(second, { owner })));
    const { date: since } = metricEntry(2);
    const { date: until } = metricEntry(4);
    assert.equal(valuesOf(await allOf(metrics.entries(owner, "loss", { since, until }))), ["2", "3", "4"]);
    const { count, finite } = await metrics.count(owner, "loss", { since, until });
    assert.equal([count, finite], [3, true]);
    assert.equal(valuesOf(await allOf(metrics.lastEntries(owner, "loss", 2, { since, until }))), ["3", "4"]);
    assert.equal(valuesOf(await allOf(metrics.lastEntries(owner, "loss", 3, { since, until }))), ["2", "3", "4"]);
    assert.equal(valuesOf(await allOf(metrics.lastEntries(owner, "loss", 4e15, { since }))), ["2", "3", "4", "5"]);
    const later = metricEntry(6).date;
    assert.equal(await metrics.count(owner, "loss", { since: later }), { count: 0, finite: false, newestId: 0 });
    assert.equal(await allOf(metrics.entries(owner, "loss", { since: later })), []);
  });

  test("M-23: it is known which metrics have only finite numbers", async () => {
    const { metrics, owner } = await place();
    await metrics.add(["1", "2.5", "-1e3"].map((value) => metricEntry(1, { owner, name: "all", value })));
    await metrics.add(["1", "NaN", "3"].map((value) => metricEntry(1, { owner, name: "some", value })));
    assert.is((await metrics.count(owner, "all")).finite, true);
    assert.is((await metrics.count(owner, "some")).finite, false);
  });

  test("more entries than one reading gives come without gap or repeat, and those that arrive meanwhile can be left out", async () => {
    const { metrics, owner } = await place();
    const many = Array.from({ length: 9001 }, (_, index) => metricEntry(index >> 3, { owner, value: String(index) }));
    await metrics.add(many);
    const { count, newestId } = await metrics.count(owner, "loss");
    assert.is(count, many.length);
    const read: string[] = [];
    for await (const { value } of metrics.entries(owner, "loss", { upTo: newestId })) {
      if (read.length === 10) await metrics.add([metricEntry(99_999, { owner }), metricEntry(1, { owner })]);
      read.push(value);
    }
    assert.equal(read, valuesOf(many));
    assert.equal(valuesOf(await allOf(metrics.lastEntries(owner, "loss", 5001))), [
      ...valuesOf(many).slice(-5000),
      "99999",
    ]);
  });

  test("many names are read without gap or repeat", async () => {
    const { metrics, owner } = await place();
    const names = Array.from({ length: 1234 }, (_, index) => `m${String(index).padStart(5, "0")}`);
    await metrics.add(names.map((name) => metricEntry(1, { owner, name })));
    assert.equal(await allOf(metrics.names(owner)), names);
  });

  test("M-29: what is asked for while others are written goes into one transaction, and each caller waits for it", async () => {
    const { owner, sql } = await place();
    const watched = new Watched(sql);
    const metrics = new MlbenchMetrics(watched);
    let release = (): void => {};
    watched.before = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const done: number[] = [];
    const add = (number: number): Promise<unknown> =>
      metrics.add([metricEntry(number, { owner })]).then(() => done.push(number));
    const first = add(0);
    while (watched.writes.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const others = Array.from({ length: 200 }, (_, index) => add(index + 1));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal([watched.writes.length, done], [1, []]);
    watched.before = async () => {};
    release();
    await Promise.all([first, ...others]);
    assert.is(watched.writes.length, 2);
    assert.equal(
      valuesOf(await allOf(metrics.entries(owner, "loss"))),
      Array.from({ length: 201 }, (_, index) => String(index)),
    );
  });

  test("M-33: of one call all entries are stored or none, and a row that the store does not take harms no other caller", async () => {
    const { owner, sql } = await place();
    const watched = new Watched(sql);
    const metrics = new MlbenchMetrics(watched);
    watched.before = async (statements) => {
      if (statements.some(({ values = [] }) => values.includes("poison"))) throw new StoreProblem("internal", "no");
    };
    const good = metrics.add([metricEntry(1, { owner })]);
    const bad = problemOf(metrics.add([metricEntry(2, { owner }), metricEntry(3, { owner, value: "poison" })]));
    const alsoGood = metrics.add([metricEntry(4, { owner })]);
    await Promise.all([good, alsoGood]);
    assert.is((await bad).kind, "internal");
    assert.equal(valuesOf(await allOf(metrics.entries(owner, "loss"))), ["1", "4"]);
  });

  test("a store that is out of reach is told to everybody who waits, and the next one is stored", async () => {
    const { owner, sql } = await place();
    const watched = new Watched(sql);
    const metrics = new MlbenchMetrics(watched);
    watched.before = () => Promise.reject(new StoreProblem("unavailable", "no"));
    const failed = [1, 2, 3].map((second) => problemOf(metrics.add([metricEntry(second, { owner })])));
    assert.equal(
      (await Promise.all(failed)).map(({ kind }) => kind),
      ["unavailable", "unavailable", "unavailable"],
    );
    assert.is(watched.writes.length, 1, "one attempt for all");
    watched.before = async () => {};
    await metrics.add([metricEntry(4, { owner })]);
    assert.equal(valuesOf(await allOf(metrics.entries(owner, "loss"))), ["4"]);
  });

  test("more than fits into the memory is refused while the store is slow, and taken afterwards", async () => {
    const { owner, sql } = await place();
    const watched = new Watched(sql);
    const metrics = new MlbenchMetrics(watched);
    watched.before = async (statements) => {
      if (statements.some(({ values = [] }) => values.some((value) => String(value).length > 1000))) {
        throw new StoreProblem("unavailable", "too slow");
      }
    };
    const large = "x".repeat(8_000_000);
    const kinds = await Promise.all(
      Array.from(
        { length: 9 },
        async () => (await problemOf(metrics.add([metricEntry(1, { owner, metadata: large })]))).kind,
      ),
    );
    assert.equal(kinds.filter((kind) => kind === "busy").length, 1);
    await metrics.add([metricEntry(2, { owner })]);
    assert.equal(valuesOf(await allOf(metrics.entries(owner, "loss"))), ["2"]);
  });

  test("M-62: a sample is stored only if it is newer than the newest stored one of its metric and pod", async () => {
    const { metrics } = await place();
    const owner: MetricOwner = "pod:11111111-2222-3333-4444-555555555555";
    const sample = (second: number, name: string, more: Partial<OwnedEntry> = {}): OwnedEntry =>
      metricEntry(second, { owner, name, ...more });
    assert.is(await metrics.addNewer([sample(5, "cpu"), sample(5, "memory")]), 2);
    assert.is(await metrics.addNewer([sample(5, "cpu"), sample(6, "memory"), sample(4, "network_in")]), 2);
    assert.is(await metrics.addNewer([sample(4, "cpu"), sample(6, "memory", { owner: "pod:other" })]), 1);
    assert.is(await metrics.addNewer([]), 0);
    // Several series of one name are of one time (M-63).
    const series = ["a", "b"].map((metadata) => sample(7, "container_fs_reads_total", { metadata }));
    assert.is(await metrics.addNewer(series), 2);
    assert.is(await metrics.addNewer(series), 0);
    assert.equal(valuesOf(await allOf(metrics.entries(owner, "cpu"))), ["5"]);
    assert.equal(valuesOf(await allOf(metrics.entries(owner, "memory"))), ["5", "6"]);
    assert.equal(await metrics.count(owner, "memory").then(({ finite }) => finite), true);
  });

  test("M-41: the metrics of owners go, those of others stay, however many there are", async () => {
    const { metrics, owner } = await place();
    await metrics.add(Array.from({ length: 12_345 }, (_, index) => metricEntry(index, { owner })));
    await metrics.add([metricEntry(1, { owner: `${owner}0` as MetricOwner })]);
    assert.is(await metrics.drop([owner, "pod:none"]), 12_345);
    assert.is(await metrics.drop([owner]), 0);
    assert.equal(await allOf(metrics.names(owner)), []);
    assert.equal(await allOf(metrics.names(`${owner}0` as MetricOwner)), ["loss"]);
  });

  test("M-67: entries are found in the order of their arrival, those of others left out", async () => {
    const { metrics, owner } = await place();
    const { owner: other } = await place();
    const before = await metrics.newestId();
    await metrics.add([
      metricEntry(9, { owner }),
      metricEntry(1, { owner: other }),
      metricEntry(5, { owner, name: "a" }),
    ]);
    const middle = await metrics.newestId();
    await metrics.add(Array.from({ length: 700 }, (_, i) => metricEntry(i, { owner, metadata: "m".repeat(5_000) })));
    const newest = await metrics.newestId();
    const first = await metrics.arrived(owner, before, middle);
    assert.equal(valuesOf(first), ["9", "5"]);
    assert.equal(await metrics.arrived(owner, first.at(-1)?.id ?? 0, middle), []);
    const values: string[] = [];
    for (let after = middle; ; ) {
      const page = await metrics.arrived(owner, after, newest);
      assert.ok(page.length <= 500);
      if (page.length === 0) break;
      assert.ok(page.every(({ metadata }) => metadata.length === 5_000));
      values.push(...valuesOf(page));
      after = page.at(-1)?.id ?? after;
    }
    assert.equal(
      values,
      Array.from({ length: 700 }, (_, i) => String(i)),
    );
  });

  test("M-64: those who have metrics are found one after the other", async () => {
    const sql = await open();
    const metrics = new MlbenchMetrics(sql);
    const owners: MetricOwner[] = ["pod:a", "pod:b", "run:1", "run:12", "run:2"];
    for (const owner of owners) await metrics.add([1, 2].map((second) => metricEntry(second, { owner })));
    assert.equal(await metrics.owners("", 3), ["pod:a", "pod:b", "run:1"]);
    assert.equal(await metrics.owners("run:1", 3), ["run:12", "run:2"]);
    assert.equal(await metrics.owners("run:2", 3), []);
    await sql.close();
  });
}
