import * as assert from "uvu/assert";
import type { Sql } from "../../../store/sql.ts";
import { VestaHistory } from "../../../store/vesta-history.ts";
import { type Contact, isSilent, isThere, VestaHosts, wasBad } from "../../../store/vesta-hosts.ts";
import { messageInsertionIf, VestaMessages } from "../../../store/vesta-messages.ts";

const MACHINE = { id: "abc", name: "lab_1", ipAddress: "10.0.0.9", atMs: 1_000 };
const NODE = { id: "node/n1", name: "n-1", form: "n_1", ipAddress: "10.0.0.1", otherName: "n-1_x" };

function contact(id: string, atMs: number, more: Partial<Contact> = {}): Contact {
  const source = id.startsWith("node/") ? "node" : "sender";
  return { id, source, atMs, payload: `{"at":${atMs}}`, idle: null, saveEveryMs: 60_000, messages: [], ...more };
}

/** Adds what holds for the hosts of vesta whatever database they are in. `open` is asked for one with nothing in it. */
export function vestaHostsCases(
  test: (title: string, work: () => Promise<void>) => void,
  open: () => Promise<Sql>,
): void {
  const message = (body: string, when: Parameters<typeof messageInsertionIf>[1]) =>
    messageInsertionIf({ target: "webhook", body, madeAt: 1 }, when);

  test("V-6, V-66, section 12, 21: a machine is kept with all its fields, and another process reads what has changed", async () => {
    const sql = await open();
    const [one, other] = [new VestaHosts(sql, "one"), new VestaHosts(sql, "other")];
    assert.equal(await other.changedSince(0, false), { revision: 0, records: [] });
    assert.is(await one.add(MACHINE, 10, []), "ok");
    const kept = {
      ...{ id: "abc", name: "lab_1", ipAddress: "10.0.0.9", source: "sender", status: "running", arrival: 1 },
      ...{ hadContact: true, lastContactMs: 1_000, payload: null, payloadMs: null, savedMs: null, idle: null },
      removed: false,
    };
    assert.equal(await other.changedSince(0, false), { revision: 1, records: [kept] });
    assert.equal(await one.changedSince(0, false), { revision: 1, records: [] });
    assert.equal(await one.changedSince(0, true), { revision: 1, records: [kept] });
    assert.equal(await other.changedSince(1, false), { revision: 1, records: [] });
    assert.equal(await one.noteContacts(0, [contact("abc", 5_000, { idle: '{"g":1}' })]), [
      { known: true, saved: true },
    ]);
    assert.equal(await other.get("abc"), {
      ...{ ...kept, lastContactMs: 5_000, payload: '{"at":5000}', payloadMs: 5_000, savedMs: 5_000, idle: '{"g":1}' },
    });
    assert.is(await other.remove(["abc", "nobody"], 9_000), 1);
    const { records } = await one.changedSince(2, false);
    assert.equal(
      records.map(({ id, removed }) => ({ id, removed })),
      [{ id: "abc", removed: true }],
    );
    assert.equal(await one.noteContacts(0, [contact("abc", 9_000)]), [{ known: false, saved: false }]);
    assert.equal(await one.ids("", 10), [{ id: "abc", source: "sender", removedMs: 9_000 }]);
    await one.forget(["abc"], 8_999);
    assert.is((await one.ids("", 10)).length, 1);
    await one.forget(["abc"], 9_000);
    assert.equal(await one.ids("", 10), []);
  });

  test("V-5: whoever reads far behind gets everything, in pieces", async () => {
    const sql = await open();
    const hosts = new VestaHosts(sql, "one");
    const nodes = Array.from({ length: 250 }, (_, n) => ({ ...NODE, id: `node/${n}`, name: `n${n}`, form: `n${n}` }));
    await hosts.notePresent(nodes, 0);
    for (let n = 0; n < 120; n++) await hosts.add({ ...MACHINE, id: `m${n}`, name: `m${n}` }, 1_000, []);
    const { records, revision } = await new VestaHosts(sql, "two").changedSince(0, false);
    assert.is(records.length, 370);
    assert.is(new Set(records.map(({ id }) => id)).size, 370);
    assert.is(new Set(records.map(({ arrival }) => arrival)).size, 370);
    assert.is(revision, 121);
  });

  test("V-26: no two machines get one name, nor one that a node is found under, and there is a bound on machines", async () => {
    const hosts = new VestaHosts(await open(), "one");
    await hosts.notePresent([NODE], 0);
    assert.is(await hosts.add({ ...MACHINE, name: "n_1" }, 2, []), "nameTaken");
    assert.is(await hosts.add({ ...MACHINE, name: "n-1" }, 2, []), "nameTaken");
    const added = await Promise.all(
      ["a", "b", "c"].map((id) => hosts.add({ ...MACHINE, id }, 2, [message(id, isThere(id))])),
    );
    assert.equal(added.sort(), ["nameTaken", "nameTaken", "ok"]);
    assert.is(await hosts.add({ ...MACHINE, id: "d", name: "other" }, 2, []), "ok");
    assert.is(await hosts.add({ ...MACHINE, id: "e", name: "third" }, 2, []), "full");
  });

  test("V-25: who was not added is not announced", async () => {
    const sql = await open();
    const hosts = new VestaHosts(sql, "one");
    for (const id of ["a", "b"]) await hosts.add({ ...MACHINE, id }, 10, [message(id, isThere(id))]);
    assert.is(await new VestaMessages(sql).count(), 1);
  });

  test("V-9: a node takes its name from a machine, which goes on under another", async () => {
    const hosts = new VestaHosts(await open(), "one");
    await hosts.add({ ...MACHINE, name: "n-1" }, 10, []);
    await hosts.notePresent([NODE], 0);
    assert.is((await hosts.get("abc"))?.name, "n-1_x");
    assert.is((await hosts.get("node/n1"))?.name, "n-1");
    assert.equal(await hosts.noteContacts(0, [contact("abc", 9_000)]), [{ known: true, saved: true }]);
  });

  test("V-29: a row of history is written if none was within the interval, whatever the order of a burst, and the clock", async () => {
    const sql = await open();
    const hosts = new VestaHosts(sql, "one");
    const history = new VestaHistory(sql);
    await hosts.add(MACHINE, 10, []);
    const saved = await hosts.noteContacts(
      0,
      [100_000, 100_001, 159_999, 160_000, 160_000].map((at) => contact("abc", at)),
    );
    assert.equal(
      saved.map((outcome) => outcome.saved),
      [true, false, false, true, false],
    );
    // The clock was put back.
    const [after] = await hosts.noteContacts(0, [contact("abc", 50_000)]);
    assert.is(after?.saved, true);
    const every = await hosts.noteContacts(
      0,
      [1, 1, 2].map((at) => contact("abc", 60_000 + at, { saveEveryMs: 0 })),
    );
    assert.equal(
      every.map((outcome) => outcome.saved),
      [true, true, true],
    );
    const times: number[] = [];
    for await (const { timeMs } of history.rows("abc", 100)) times.push(timeMs);
    assert.equal(times, [50_000, 60_001, 60_001, 60_002, 100_000, 160_000]);
  });

  test("V-56: of many who find a host silent, and of many who hear of it again, one is told so", async () => {
    const sql = await open();
    const writers = Array.from({ length: 4 }, (_, n) => new VestaHosts(sql, `w${n}`));
    const [one] = writers;
    await one?.add(MACHINE, 10, []);
    const messages = new VestaMessages(sql);
    const downs = await Promise.all(
      writers.map((hosts) => hosts.markDown("abc", 2_000, 0, [message("down", isSilent("abc", 2_000))])),
    );
    assert.equal(downs.sort(), [false, false, false, true]);
    assert.is(await messages.count(), 1);
    const up = (id: string): Contact["messages"] => [
      message("new", wasBad(id, false)),
      message("up", wasBad(id, true)),
    ];
    await Promise.all(
      writers.map((hosts) =>
        hosts.noteContacts(
          0,
          [contact("abc", 3_000), contact("abc", 3_001)].map((c) => ({ ...c, messages: up("abc") })),
        ),
      ),
    );
    assert.is(await messages.count(), 2);
    assert.is((await one?.get("abc"))?.status, "running");
    assert.is(await one?.markDown("abc", 3_000, 0, [message("down", isSilent("abc", 3_000))]), false);
    assert.is(await messages.count(), 2);
  });

  test("V-7, V-57: the first contact of a node is told apart from one that came back", async () => {
    const sql = await open();
    const hosts = new VestaHosts(sql, "one");
    await hosts.notePresent([NODE], 0);
    assert.is((await hosts.get("node/n1"))?.status, "waiting for re-uplink");
    assert.is((await hosts.get("node/n1"))?.hadContact, false);
    const bodies = async (): Promise<string[]> => {
      const rows = await sql.read({ text: "SELECT body FROM vesta_message ORDER BY id" });
      return rows.map(({ body }) => String(body));
    };
    const messages = [message("new", wasBad("node/n1", false)), message("up", wasBad("node/n1", true))];
    await hosts.noteContacts(0, [contact("node/n1", 10_000, { messages })]);
    assert.equal(await bodies(), ["new"]);
    await hosts.markDown("node/n1", 20_000, 0, []);
    await hosts.noteContacts(0, [contact("node/n1", 30_000, { messages })]);
    assert.equal(await bodies(), ["new", "up"]);
    // Nobody posts for a node, and no scrape is of a machine.
    assert.equal(await hosts.noteContacts(0, [contact("node/n1", 40_000, { source: "sender" })]), [
      { known: false, saved: false },
    ]);
  });

  test("V-11: as watching begins, who was silent has to report anew, and nobody else", async () => {
    const hosts = new VestaHosts(await open(), "one");
    await hosts.notePresent([NODE], 0);
    await hosts.add(MACHINE, 10, []);
    await hosts.add({ ...MACHINE, id: "late", name: "late", atMs: 1_001 }, 10, []);
    await hosts.add({ ...MACHINE, id: "gone", name: "gone" }, 10, []);
    await hosts.markDown("gone", 1_001, 0, []);
    assert.is(await hosts.beginWatching(1_001, []), 1);
    const statuses = await Promise.all(
      ["abc", "late", "gone", "node/n1"].map(async (id) => (await hosts.get(id))?.status),
    );
    assert.equal(statuses, ["waiting for re-uplink", "running", "down", "waiting for re-uplink"]);
    assert.is(await hosts.beginWatching(1_001, []), 0);
  });

  test("V-8: a node that comes back has its history, and has to report anew if it was silent for long", async () => {
    const sql = await open();
    const hosts = new VestaHosts(sql, "one");
    const other = { ...NODE, id: "node/n2", name: "n2", form: "n2" };
    await hosts.notePresent([NODE, other], 0);
    await hosts.noteContacts(0, [contact("node/n1", 10_000), contact("node/n2", 20_000)]);
    await hosts.remove(["node/n1", "node/n2"], 21_000);
    assert.is(await hosts.markDown("node/n1", 99_000, 0, []), false);
    assert.equal(await hosts.noteContacts(0, [contact("node/n1", 22_000)]), [{ known: false, saved: false }]);
    await hosts.notePresent([{ ...NODE, ipAddress: "10.9.9.9" }, other], 15_000);
    const [one, two] = await Promise.all(["node/n1", "node/n2"].map((id) => hosts.get(id)));
    assert.equal(
      { status: one?.status, ip: one?.ipAddress, removed: one?.removed, at: one?.payloadMs },
      { status: "waiting for re-uplink", ip: "10.9.9.9", removed: false, at: 10_000 },
    );
    assert.is(two?.status, "running");
    assert.is((await new VestaHistory(sql).newest(["node/n1", "node/n2"])).length, 2);
    // To be told again of what is there already changes nothing but the address.
    await hosts.notePresent([other], 99_000);
    assert.is((await hosts.get("node/n2"))?.status, "running");
  });

  test("V-56: a contact of the future counts as made now, after the clock was put right", async () => {
    const hosts = new VestaHosts(await open(), "one");
    await hosts.add({ ...MACHINE, atMs: 9_999_999 }, 10, []);
    await hosts.add({ ...MACHINE, id: "b", name: "b", atMs: 400 }, 10, []);
    await hosts.correctFuture(500);
    assert.is((await hosts.get("abc"))?.lastContactMs, 500);
    assert.is((await hosts.get("b"))?.lastContactMs, 400);
  });
}
