// timeout: 120
process.env.TZ = "Europe/Berlin";

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Outbox } from "../../../../../api/vesta/messages/outbox.ts";
import { DailyReports, lastMoment } from "../../../../../api/vesta/slack/report.ts";
import { silentLogger } from "../../../../../kube/logger.ts";
import { VestaMessages } from "../../../../../store/vesta-messages.ts";
import { embeddedStores } from "../../../store/store-cases.ts";

const test = suite("daily reports");
const stores = embeddedStores(test);

test("V-65: a report's time is that of the server's time zone, on days of 23 and 25 hours too", () => {
  const last = (at: string, now: string): string => new Date(lastMoment(at, Date.parse(now))).toISOString();
  assert.is(last("09:00", "2026-11-20T12:00:00Z"), "2026-11-20T08:00:00.000Z");
  assert.is(last("09:00", "2026-07-20T07:00:00Z"), "2026-07-20T07:00:00.000Z");
  assert.is(last("09:00", "2026-07-20T06:59:59Z"), "2026-07-19T07:00:00.000Z");
  assert.is(last("00:00", "2026-01-01T00:00:00Z"), "2025-12-31T23:00:00.000Z");
  assert.is(last("02:30", "2026-03-29T12:00:00Z"), "2026-03-29T01:30:00.000Z", "the day leaves 02:30 out");
  assert.is(last("02:30", "2026-10-25T12:00:00Z"), "2026-10-25T00:30:00.000Z", "the day has 02:30 twice");
});

test("V-65, section 12, 20: each day's report is made once, by whoever is active, across restarts, and made up for after a pause", async () => {
  const sql = stores.open("reports.db");
  const messages = new VestaMessages(sql);
  let now = Date.parse("2026-11-20T12:00:00Z");
  const process = (isActive = true): DailyReports =>
    new DailyReports({
      reports: [{ at: "09:00", title: "morning" }],
      channel: "gpus",
      outbox: new Outbox(
        messages,
        () => undefined,
        () => now,
      ),
      isActive: () => isActive,
      logger: silentLogger,
      now: () => now,
    });
  const first = process();
  await first.look();
  assert.is(await messages.count(), 0, "this morning is over as the report is first heard of");
  now = Date.parse("2026-11-21T07:59:59Z");
  await first.look();
  assert.is(await messages.count(), 0);
  now = Date.parse("2026-11-21T08:00:01Z");
  await process(false).look();
  assert.is(await messages.count(), 0, "another speaks to Slack");
  await Promise.all([first, process(), process()].map((one) => one.look()));
  await first.look();
  await process().look();
  assert.is(await messages.count(), 1);
  const [row] = await messages.heads(now, now);
  assert.equal(JSON.parse(row?.body ?? ""), {
    ...{ kind: "file", channel: "gpus", title: "morning", name: "statuses.txt", content: { show: "all" } },
  });
  now = Date.parse("2026-11-24T20:00:00Z");
  await process().look();
  await process().look();
  assert.is(await messages.count(), 2, "of the mornings that nobody was there for, the last");
});

test.run();
