import * as assert from "uvu/assert";
import { LogArchive } from "../../../store/log-archive.ts";
import { type KeptRun, RunArchive } from "../../../store/run-archive.ts";
import type { Sql } from "../../../store/sql.ts";

/** Adds what holds for the archive of runs whatever database it is in. `open` is asked once for one with nothing in it. */
export function runArchiveCases(
  test: (title: string, work: () => Promise<void>) => void,
  open: () => Promise<Sql>,
): void {
  let now = 1_000_000;
  let sql: Sql;
  let runs: RunArchive;

  const run = (uid: string, more: Partial<KeptRun> = {}): KeptRun => ({
    uid,
    namespace: "ns",
    name: uid,
    job: "team/job",
    version: "0123456",
    user: "ada",
    phase: "DONE",
    createdAt: 1000,
    endedAt: 2000,
    document: { of: uid },
    ...more,
  });
  const namesOf = (found: readonly { name: string }[]): string[] => found.map(({ name }) => name);

  test("archive of runs: a kept run comes back with its document, found by name and by UID", async () => {
    sql = await open();
    runs = new RunArchive(sql, () => now);
    await runs.save([]);
    await runs.save([run("a", { document: { text: "töne \0 ✓", list: [1, null] } }), run("b")]);
    const { document, ...record } = run("a", { document: { text: "töne \0 ✓", list: [1, null] } });
    assert.equal(await runs.byUid("a"), record);
    assert.equal(await runs.find("ns", ["a", "nobody"]), [record]);
    assert.equal(await runs.find("other", ["a"]), []);
    assert.equal(
      await runs.documents(["a", "b", "nobody"]),
      new Map<string, unknown>([
        ["a", document],
        ["b", { of: "b" }],
      ]),
    );
    assert.equal(await runs.known(["a", "b", "nobody"]), new Set(["a", "b"]));
    assert.is(await runs.byUid("nobody"), undefined);
  });

  test("archive of runs: saving again brings up to date, of one name the newest is found", async () => {
    await runs.save([run("a", { phase: "TERMINATED", document: 2 })]);
    await runs.save([run("a-again", { name: "a", createdAt: 5000 })]);
    assert.equal(
      (await runs.find("ns", ["a"])).map(({ uid }) => uid),
      ["a-again"],
    );
    assert.is((await runs.byUid("a"))?.phase, "TERMINATED");
    assert.equal(await runs.documents(["a"]), new Map([["a", 2]]));
  });

  test("archive of runs: lists show what has no object any more, newest first, page by page", async () => {
    const many = Array.from({ length: 25 }, (_, n) =>
      run(`l-${String(n).padStart(2, "0")}`, { namespace: "list", createdAt: 100 * Math.floor(n / 3) }),
    );
    await runs.save(many);
    assert.equal(await runs.list({ namespace: "list", limit: 10 }), []);
    await runs.gone(many.slice(1).map(({ uid }) => uid));
    const all = await runs.list({ namespace: "list", limit: 100 });
    const wanted = many.slice(1).sort((a, b) => b.createdAt - a.createdAt || a.name.localeCompare(b.name));
    assert.equal(namesOf(all), namesOf(wanted));
    const paged: string[] = [];
    for (let after: KeptRun | undefined; ; ) {
      const page = await runs.list({ namespace: "list", limit: 7, ...(after === undefined ? {} : { after }) });
      paged.push(...namesOf(page));
      const last = page.at(-1);
      if (last === undefined) break;
      after = { ...last, document: undefined };
    }
    assert.equal(paged, namesOf(wanted));
    assert.is(await runs.count("list"), 24);
    await runs.back(["l-24"]);
    assert.is((await runs.list({ namespace: "list", limit: 100 })).length, 23);
  });

  test("O-90: a search in the archive takes nothing in it for a pattern", async () => {
    const names = ["pj-intent", "pj.intent", "my_run", "my-run", "100x"];
    await runs.save(names.map((name) => run(`q-${name}`, { namespace: "q", name })));
    await runs.gone(names.map((name) => `q-${name}`));
    const search = async (...parts: string[]): Promise<string[]> =>
      namesOf(await runs.list({ namespace: "q", parts, limit: 100 })).sort();
    assert.equal(await search("intent"), ["pj-intent", "pj.intent"]);
    assert.equal(await search("INT"), ["pj-intent", "pj.intent"]);
    assert.equal(await search("."), ["pj.intent"]);
    assert.equal(await search("%"), []);
    assert.equal(await search("_"), ["my_run"]);
    assert.equal(await search("p", "t"), ["pj-intent", "pj.intent"]);
    assert.equal(await search("t", "p"), []);
    assert.equal(await search("\\"), []);
    assert.is(await runs.count("q", ["my"]), 2);
  });

  test("O-211: a run that is removed is gone with its logs and stays gone, also where it is archived afterwards", async () => {
    await runs.save([run("r-1")]);
    await runs.gone(["r-1"]);
    assert.is(await runs.remove(run("r-1")), true);
    assert.is(await runs.remove(run("r-1")), false);
    assert.is(await runs.remove(run("r-2")), false);
    await runs.save([run("r-1"), run("r-2"), run("r-3")]);
    await runs.gone(["r-1", "r-2", "r-3"]);
    assert.equal(await runs.find("ns", ["r-1", "r-2", "r-3"]), [(({ document: _, ...record }) => record)(run("r-3"))]);
    assert.is(await runs.byUid("r-1"), undefined);
    assert.equal(await runs.documents(["r-1", "r-2"]), new Map());
    assert.equal(namesOf(await runs.list({ namespace: "ns", parts: ["r-"], limit: 10 })), ["r-3"]);
    assert.equal(await runs.known(["r-1", "r-2"]), new Set(["r-1", "r-2"]));
    // Nothing that tells of it is left but its UID.
    const [left] = await sql.read({ text: "SELECT name, job, run_user, document FROM run_record WHERE uid = 'r-1'" });
    assert.equal(left, { name: "", job: "", run_user: "", document: null });
  });

  test("archive of runs: old ones are dropped once their object is gone, and marks of removal after a time", async () => {
    await runs.save([run("old-there"), run("old-gone"), run("young-gone", { endedAt: 900_000 })]);
    await runs.gone(["old-gone", "young-gone"]);
    now = 2_000_000;
    await runs.expire(800_000, 1_500_000);
    assert.equal(
      await runs.known(["old-there", "old-gone", "young-gone", "r-1"]),
      new Set(["old-there", "young-gone"]),
    );
  });

  test("archive of runs: which have an object, and which are said to have none", async () => {
    const there: string[] = [];
    for (let after = ""; ; ) {
      const page = await runs.withObject("list", after, 1);
      there.push(...page);
      after = page.at(-1) ?? "";
      if (after === "") break;
    }
    // The others of the list were dropped for their age.
    assert.equal(there, ["l-00", "l-24"]);
    await runs.gone(["l-00"]);
    assert.equal(await runs.withObject("list", "", 10), ["l-24"]);
    assert.equal(await runs.withoutObject(["l-00", "l-24", "nobody"]), ["l-00"]);
    assert.equal(await runs.kept(["l-00", "l-24", "nobody"]), new Set(["l-00", "l-24"]));
    assert.ok((await runs.withObject(undefined, "", 100)).includes("old-there"));
  });

  test("O-211: a log that comes late does not bring back what was removed", async () => {
    const logs = new LogArchive(sql);
    const owner = {
      podUid: "late",
      namespace: "ns",
      pod: "p",
      run: "r",
      task: "t",
      attempt: 1,
      container: "m",
      createdAt: "",
    };
    await runs.remove({ uid: "r-late", namespace: "ns", name: "r-late" });
    await logs.save({ ...owner, runUid: "r-late" }, { text: Buffer.from("x"), dropped: 0 }, "whole");
    assert.equal(await logs.ofRun("r-late"), []);
    await logs.save({ ...owner, runUid: "r-other" }, { text: Buffer.from("x"), dropped: 0 }, "whole");
    assert.is((await logs.ofRun("r-other")).length, 1);
  });
}
