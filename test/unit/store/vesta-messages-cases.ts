import * as assert from "uvu/assert";
import type { Sql } from "../../../store/sql.ts";
import { messageInsertion, type NewMessage, VestaMessages } from "../../../store/vesta-messages.ts";

function message(body: string, more: Partial<NewMessage> = {}): NewMessage {
  return { target: "webhook", body, madeAt: 1_000, ...more };
}

async function bodies(messages: VestaMessages, now = 5_000): Promise<string[]> {
  return (await messages.heads(now, now - 1_000)).map(({ body }) => body);
}

/** Adds what holds for the queue of messages to Slack whatever database it is in. `open` is asked for one with nothing in it. */
export function vestaMessagesCases(
  test: (title: string, work: () => Promise<void>) => void,
  open: () => Promise<Sql>,
): void {
  test("V-57: messages to one target wait for each other, those to others do not", async () => {
    const messages = new VestaMessages(await open());
    await messages.put(message("1"));
    await messages.put(message("2"));
    await messages.put(message("3", { target: "channel C1" }));
    assert.equal(await bodies(messages), ["1", "3"]);
    const [first] = await messages.heads(5_000, 4_000);
    const id = first?.id ?? 0;
    assert.is(await messages.begin(id, 5_000, 4_000), true);
    assert.equal(await bodies(messages), ["3"]);
    await messages.retry(id, 9_000, false);
    assert.equal(await bodies(messages), ["3"], "a message that is put off holds up those behind it");
    assert.is(await messages.nextAt(), 0);
    assert.equal(await bodies(messages, 9_000), ["1", "3"]);
    await messages.done(id);
    assert.equal(await bodies(messages), ["2", "3"]);
    assert.is(await messages.count(), 2);
  });

  test("V-57: one process at a time tries a message; a try without an outcome makes it unsure", async () => {
    const messages = new VestaMessages(await open());
    const key = await messages.put(message("1"));
    const [head] = await messages.heads(5_000, 4_000);
    const id = head?.id ?? 0;
    const begun = await Promise.all([1, 2, 3].map(() => messages.begin(id, 5_000, 4_000)));
    assert.equal(begun.sort(), [false, false, true]);
    assert.is((await messages.waiting(id))?.unsure, false);
    assert.is(await messages.begin(id, 30_000, 15_000), true);
    assert.is((await messages.waiting(id))?.unsure, true);
    await messages.retry(id, 31_000, false);
    assert.is((await messages.waiting(id))?.unsure, true, "it stays unsure");
    assert.is((await messages.waiting(id))?.tries, 1);
    assert.equal(await messages.state(key), { state: "waiting" });
    await messages.refuse(id, "channel_not_found");
    assert.equal(await messages.state(key), { state: "refused", problem: "channel_not_found" });
    assert.is(await messages.begin(id, 90_000, 80_000), false);
    assert.equal(await bodies(messages, 90_000), []);
    assert.is(await messages.nextAt(), undefined);
    await messages.giveUp({ madeBefore: 2_000, most: 10, begunBefore: 80_000 });
    assert.equal(await messages.state(key), { state: "gone" });
  });

  test("V-57: what is too old is given up, and of a full queue the oldest; not what is being tried", async () => {
    const messages = new VestaMessages(await open());
    for (const n of [1, 2, 3, 4, 5, 6]) {
      await messages.put(message(String(n), { target: `t${n}`, madeAt: n < 3 ? 1_000 : 2_000 }));
    }
    const [first] = await messages.heads(5_000, 4_000);
    await messages.begin(first?.id ?? 0, 5_000, 4_000);
    assert.is(await messages.giveUp({ madeBefore: 1_500, most: 10, begunBefore: 4_000 }), 1);
    assert.is(await messages.giveUp({ madeBefore: 1_500, most: 2, begunBefore: 4_000 }), 2);
    assert.equal(await bodies(messages), ["5", "6"]);
    assert.equal(await bodies(messages, 50_000), ["1", "5", "6"]);
  });

  test("V-57: a message is written with what it tells of, or neither is", async () => {
    const sql = await open();
    const messages = new VestaMessages(sql);
    const insertion = messageInsertion(message("1"), "key");
    await sql.write([insertion]);
    const change = { text: "INSERT INTO vesta_once (name, at, claim) VALUES ('host', 1, '')" };
    await assertRejects(sql.write([change, insertion]));
    const rows = await sql.read({ text: "SELECT name FROM vesta_once" });
    assert.equal(rows, []);
    assert.is(await messages.count(), 1);
  });

  test("V-59: of one event, however often and at whichever replica it arrives, one message is made", async () => {
    const messages = new VestaMessages(await open());
    const firsts = await Promise.all([1, 2, 3, 4].map((n) => messages.putOnce("event Ev1", message(String(n)))));
    assert.equal(firsts.filter(Boolean).length, 1);
    assert.is(await messages.count(), 1);
    const [head] = await messages.heads(5_000, 4_000);
    await messages.done(head?.id ?? 0);
    assert.is(await messages.putOnce("event Ev1", message("again")), false);
    assert.is(await messages.count(), 0);
    await messages.putOnce("event Ev2", message("2", { madeAt: 3_000 }));
    await messages.forgetOnce("event ", 2_000, 10);
    assert.is(await messages.putOnce("event Ev2", message("2")), false);
    assert.is(await messages.putOnce("event Ev1", message("1")), true);
    await messages.forgetOnce("event ", 0, 1);
    assert.is(await messages.putOnce("event Ev2", message("2")), false);
    assert.is(await messages.putOnce("event Ev1", message("1")), true, "only so many names are kept");
  });

  test("V-65: of each moment of something daily one message is made, and none of moments before it was first seen", async () => {
    const messages = new VestaMessages(await open());
    const put = (from: number, at: number): Promise<boolean> =>
      messages.putForMoment("report 09:00", { from, at }, message(String(at)));
    assert.is(await put(10_000, 9_000), false, "it was not known yet at that moment");
    assert.is(await put(11_000, 9_000), false);
    const puts = await Promise.all([1, 2, 3].map(() => put(20_000, 19_000)));
    assert.equal(puts.filter(Boolean).length, 1);
    assert.is(await put(21_000, 19_000), false);
    assert.is(await messages.count(), 1);
    assert.is(await put(30_000, 29_000), true);
  });
}

async function assertRejects(work: Promise<unknown>): Promise<void> {
  const failed = await work.then(
    () => false,
    () => true,
  );
  assert.ok(failed, "it worked");
}
