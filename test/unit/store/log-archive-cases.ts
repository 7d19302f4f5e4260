import { randomBytes } from "node:crypto";
import * as assert from "uvu/assert";
import type { Blobs } from "../../../store/blobs.ts";
import { LogArchive, type LogOwner, MAX_LOG_BYTES } from "../../../store/log-archive.ts";
import type { Sql } from "../../../store/sql.ts";

/** Adds what holds for the archive of logs whatever database it is in, and wherever the texts go. `open` is asked once for one with nothing in it. */
export function logArchiveCases(
  test: (title: string, work: () => Promise<void>) => void,
  open: () => Promise<Sql>,
  openBlobs: () => Promise<Blobs | undefined> = async () => undefined,
): void {
  let now = Date.parse("2026-01-10T00:00:00Z");
  let archive: LogArchive;

  test("a new database has nothing in it", async () => {
    archive = new LogArchive(await open(), () => now, await openBlobs());
    assert.equal(await archive.runs(undefined, "", 10), []);
  });

  const owner = (more: Partial<LogOwner> = {}): LogOwner => ({
    podUid: "pod-1",
    namespace: "ns",
    pod: "run--a",
    runUid: "run-1",
    run: "run",
    task: "a",
    attempt: 1,
    container: "main",
    createdAt: "2026-01-01T00:00:00.000Z",
    ...more,
  });
  const bytes = (text: string): Buffer => Buffer.from(text);

  test("O-225: what was saved comes back byte by byte, with whose it is", async () => {
    const text = Buffer.concat([bytes("töne\n"), Buffer.from([0, 255, 10])]);
    await archive.save(owner(), { text, dropped: 7 }, "whole");
    assert.equal(await archive.text("pod-1"), text);
    assert.equal(await archive.ofRun("run-1"), [
      { ...owner(), state: "whole", size: text.length, dropped: 7, storedAt: new Date(now).toISOString() },
    ]);
    assert.equal((await archive.ofPod("ns", "run--a")).length, 1);
    assert.equal(await archive.ofPod("other", "run--a"), []);
    assert.is(await archive.text("nobody"), undefined);
  });

  test("O-225: a whole log is never replaced by less, and more takes the place of less", async () => {
    const podUid = "pod-2";
    const state = async (): Promise<unknown[]> => {
      const entry = (await archive.ofRun("run-2")).find((one) => one.podUid === podUid);
      return [entry?.state, entry?.reason, (await archive.text(podUid))?.toString()];
    };
    const mine = owner({ podUid, runUid: "run-2" });
    await archive.lose(mine, "the node is gone");
    assert.equal(await state(), ["lost", "the node is gone", undefined]);
    await archive.save(mine, { text: bytes("one\n"), dropped: 0, reason: "read before it ended" }, "partial");
    assert.equal(await state(), ["partial", "read before it ended", "one\n"]);
    await archive.lose(mine, "gone");
    assert.equal(await state(), ["partial", "read before it ended", "one\n"]);
    await archive.save(mine, { text: bytes("one\ntwo\n"), dropped: 0, reason: "cut" }, "partial");
    await archive.save(mine, { text: bytes("one\n"), dropped: 0, reason: "older" }, "partial");
    assert.equal(await state(), ["partial", "cut", "one\ntwo\n"]);
    await archive.save(mine, { text: bytes("all\n"), dropped: 0 }, "whole");
    await archive.save(mine, { text: bytes("part\npart\n"), dropped: 0 }, "partial");
    assert.equal(await state(), ["whole", undefined, "all\n"]);
  });

  test("O-225: settled is what is whole or known to be lost, however many are asked for", async () => {
    const many = Array.from({ length: 450 }, (_, n) => `many-${n}`);
    await archive.lose(owner({ podUid: "many-3", runUid: "run-3" }), "gone");
    await archive.save(owner({ podUid: "many-449", runUid: "run-3" }), { text: bytes(""), dropped: 0 }, "whole");
    await archive.save(owner({ podUid: "many-5", runUid: "run-3" }), { text: bytes("x"), dropped: 0 }, "partial");
    assert.equal([...(await archive.settled(many))].sort(), ["many-3", "many-449"]);
    assert.equal(await archive.settled([]), new Set());
  });

  test("O-223: the pods of a run in the order in which they were created", async () => {
    for (const [n, createdAt] of ["2026-01-03T00:00:00Z", "2026-01-01T00:00:00Z", ""].entries())
      await archive.lose(owner({ podUid: `o-${n}`, pod: `o-${n}`, runUid: "run-4", createdAt }), "gone");
    assert.equal(
      (await archive.ofRun("run-4")).map(({ pod }) => pod),
      ["o-2", "o-1", "o-0"],
    );
  });

  test("O-211: a run that is removed leaves nothing", async () => {
    await archive.save(owner({ podUid: "p5", runUid: "run-5" }), { text: bytes("x"), dropped: 0 }, "whole");
    await archive.lose(owner({ podUid: "p6", runUid: "run-5" }), "gone");
    assert.ok(
      (await archive.runs(undefined, "", 10)).some(({ runUid, newest }) => runUid === "run-5" && newest === now),
    );
    assert.is(await archive.removeRun("run-5"), 2);
    assert.equal(await archive.ofRun("run-5"), []);
    assert.is(await archive.removeRun("run-5"), 0);
  });

  test("texts are dropped after a time, what became of them is still told", async () => {
    await archive.save(owner({ podUid: "old", runUid: "run-6" }), { text: bytes("old"), dropped: 0 }, "whole");
    now += 1000;
    await archive.save(owner({ podUid: "new", runUid: "run-6" }), { text: bytes("new"), dropped: 0 }, "whole");
    assert.ok((await archive.expire(now, "removed after 30 days")) >= 1);
    const entries = (await archive.ofRun("run-6")).map(({ podUid, state, reason }) => [podUid, state, reason]);
    assert.equal(entries.sort(), [
      ["new", "whole", undefined],
      ["old", "none", "removed after 30 days"],
    ]);
    assert.is(await archive.text("old"), undefined);
    assert.is(await archive.expire(now, "removed after 30 days"), 0);
  });

  test("O-223, O-225: five mebibytes go in and out", async () => {
    const text = Buffer.alloc(MAX_LOG_BYTES);
    for (let at = 0; at < text.length; at += 4) text.writeUInt32LE((at * 2654435761) >>> 0, at);
    await archive.save(owner({ podUid: "big", runUid: "run-7" }), { text, dropped: 1 }, "whole");
    assert.ok((await archive.text("big"))?.equals(text));
  });

  test("no name, text or reason is ever SQL", async () => {
    const podUid = `x'; DROP TABLE pod_log; --"?`;
    await archive.save(
      owner({ podUid, runUid: podUid, reason: podUid } as never),
      { text: bytes("?"), dropped: 0 },
      "whole",
    );
    assert.is((await archive.ofRun(podUid))[0]?.podUid, podUid);
  });

  test("F-37: beyond the bound the oldest texts are dropped, and what was done is told in their place", async () => {
    now += 3_600_000;
    await archive.expire(now, "old");
    for (let n = 0; n < 5; n++) {
      now += 1000;
      await archive.save(
        owner({ podUid: `cap-${n}`, runUid: "cap" }),
        { text: randomBytes(1000), dropped: 0 },
        "whole",
      );
    }
    const states = async (): Promise<(string | undefined)[][]> =>
      (await archive.ofRun("cap")).map(({ podUid, state, reason }) => [podUid, state, reason]).sort();
    assert.is(await archive.shrink(6000, "made room"), 0);
    // Each takes a little more than its thousand bytes: noise cannot be compressed.
    assert.is(await archive.shrink(3500, "made room"), 2);
    assert.equal(await states(), [
      ["cap-0", "none", "made room"],
      ["cap-1", "none", "made room"],
      ...["cap-2", "cap-3", "cap-4"].map((uid) => [uid, "whole", undefined]),
    ]);
    assert.is(await archive.text("cap-0"), undefined);
    assert.is((await archive.text("cap-4"))?.length, 1000);
    assert.is(await archive.shrink(3500, "made room"), 0);
    assert.is(await archive.shrink(0, "made room"), 3);
  });

  test("F-37: a namespace that writes much pays for the room that it takes, and no other does", async () => {
    now += 3_600_000;
    await archive.expire(now, "old");
    const kept: [string, number][] = [
      ["modest", 2],
      ["noisy", 8],
      ["small", 1],
      ["loud", 5],
    ];
    for (const [namespace, logs] of kept) {
      for (let n = 0; n < logs; n++) {
        now += 1000;
        const podUid = `${namespace}-${n}`;
        const text = { text: randomBytes(1000), dropped: 0 };
        await archive.save(owner({ podUid, namespace, runUid: "fair" }), text, "whole");
      }
    }
    // The two oldest logs are those of the modest one. With room for eleven, it and the small one need three, and the others get four each.
    assert.is(await archive.shrink(11_500, "made room"), 5);
    const whole = (await archive.ofRun("fair")).filter(({ state }) => state === "whole").map(({ podUid }) => podUid);
    const left = ["loud-1", "loud-2", "loud-3", "loud-4", "modest-0", "modest-1"];
    assert.equal(whole.sort(), [...left, "noisy-4", "noisy-5", "noisy-6", "noisy-7", "small-0"]);
    assert.is(await archive.shrink(11_500, "made room"), 0);
    assert.is(await archive.shrink(0, "made room"), 11);
  });

  test("PostgreSQL has no text with a NUL: in a reason it is replaced, in a log it stays", async () => {
    await archive.save(
      owner({ podUid: "nul", runUid: "run-8" }),
      { text: bytes("a\0b"), dropped: 0, reason: "cut\0off" },
      "partial",
    );
    const [entry] = await archive.ofRun("run-8");
    assert.match(entry?.reason ?? "", /^cut.off$/);
    assert.equal(await archive.text("nul"), bytes("a\0b"));
  });
}
