import { pino } from "pino";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import type { RunPolicy } from "../../../crds/run-policy.ts";
import type { KubeClient } from "../../../kube/client.ts";
import type { CachedJob } from "../../../operator/cached-job.ts";
import { type CachedRun, projectRun } from "../../../operator/cached-run.ts";
import type { Caches } from "../../../operator/caches.ts";
import { expiryOf, historyLimitOf } from "../../../operator/decide/expiry.ts";
import { RunExpiry } from "../../../operator/run-expiry.ts";
import { ChangeFeed } from "../../support/change-feed.ts";
import { until } from "../../support/deadline.ts";

const expiry = suite("deletion of ended runs");
const T0 = Date.parse("2026-01-01T00:00:00Z");

/** Runs and Jobs, a clock that a test sets, and deletions that take effect at once unless a test says otherwise. */
class Setting {
  readonly runs = new ChangeFeed<CachedRun>();
  readonly jobs = new ChangeFeed<CachedJob>();
  readonly deleted: string[] = [];
  readonly archived = new Set<string>();
  readonly held: string[] = [];
  nowMs = T0;
  refuse: Error | undefined;
  mine = true;
  underWay = 0;
  most = 0;

  start(defaultTtl?: number): RunExpiry {
    const client = {
      delete: async (path: string, { uid }: { uid: string }): Promise<void> => {
        this.underWay += 1;
        this.most = Math.max(this.most, this.underWay);
        await new Promise((done) => setTimeout(done, 1));
        this.underWay -= 1;
        if (this.refuse !== undefined) throw this.refuse;
        const name = path.split("/").at(-1) ?? "";
        assert.is(uid, `u-${name}`);
        this.deleted.push(name);
        this.runs.remove(`n/${name}`);
      },
    } as unknown as KubeClient;
    const started = new RunExpiry({
      clock: { nowMs: () => this.nowMs },
      act: async (_, action) => await action(client),
      caches: { runs: this.runs, jobs: this.jobs } as unknown as Caches,
      defaultTtl,
      owns: () => this.mine,
      isArchived: (uid) => !this.archived.has(`not ${uid}`),
      onHeld: ({ metadata }) => void this.held.push(metadata.name),
      logger: pino({ level: "silent" }),
    });
    return started;
  }

  put(
    name: string,
    endedAfterS: number,
    spec: Partial<Pipeline["spec"]> = {},
    phase: "DONE" | "TERMINATED" = "DONE",
  ): void {
    const status = { phase, completionTime: new Date(T0 + endedAfterS * 1000).toISOString() };
    const metadata = { name, namespace: "n", uid: `u-${name}`, resourceVersion: "1" };
    this.runs.put(projectRun({ metadata, spec: { tasks: [], ...spec }, status } as never));
  }

  job(policy: RunPolicy | undefined): void {
    const metadata = { name: "report", namespace: "n", uid: "j", resourceVersion: "1" };
    const facts = { generation: 1, id: "Team/Report", taskCount: 0, snapshot: "s", mirrored: false, problem: "" };
    this.jobs.put({ metadata, ...facts, ...(policy === undefined ? {} : { policy }) });
  }

  async untilDeleted(...names: string[]): Promise<void> {
    await until(() => this.deleted.length >= names.length, 60_000, { describe: `${names} are deleted`, everyMs: 5 });
    assert.equal(this.deleted.splice(0).sort(), names);
  }
}

const ofJob = { job: "Team/Report" };

expiry("the run's own time wins over its Job's, that over the settings'; nothing said is for ever", () => {
  const run = { endedMs: T0, phase: "DONE" as const };
  assert.is(expiryOf({ ...run, ttl: 5 }, { ttlSecondsAfterFinished: 50 }, 500), T0 + 5_000);
  assert.is(expiryOf(run, { ttlSecondsAfterFinished: 50 }, 500), T0 + 50_000);
  assert.is(expiryOf(run, {}, 500), T0 + 500_000);
  assert.is(expiryOf({ ...run, ttl: 0 }, undefined, undefined), T0);
  assert.is(expiryOf(run, undefined, undefined), undefined);
  const policy = { successfulRunsHistoryLimit: 3, failedRunsHistoryLimit: 1 };
  assert.is(historyLimitOf("DONE", policy), 3);
  assert.is(historyLimitOf("TERMINATED", policy), 1);
  assert.is(historyLimitOf("TERMINATED", undefined), undefined);
});

expiry(
  "runs are deleted when their time is over and not before; runs that go on or are kept for ever stay",
  async () => {
    const setting = new Setting();
    const started = setting.start();
    setting.put("kept", -1000);
    setting.put("due", -10, { ttlSecondsAfterFinished: 10 });
    setting.put("later", -10, { ttlSecondsAfterFinished: 20 });
    assert.equal(setting.deleted, [], "nothing is deleted before the process acts");
    started.begin();
    await setting.untilDeleted("due");
    setting.nowMs += 10_000;
    started.begin();
    await setting.untilDeleted("later");
    assert.ok(setting.runs.get("n/kept"));
    started.stop();
  },
);

expiry(
  "a Job's time is that of its runs, also of those that ended before it was set; a longer time saves what is not gone yet",
  async () => {
    const setting = new Setting();
    const started = setting.start(3600);
    setting.put("a", -100, ofJob);
    setting.put("b", -100, { ...ofJob, ttlSecondsAfterFinished: 1000 });
    setting.job({ ttlSecondsAfterFinished: 500 });
    setting.job({ ttlSecondsAfterFinished: 50 });
    setting.job({ ttlSecondsAfterFinished: 5000 });
    started.begin();
    setting.job({ ttlSecondsAfterFinished: 90 });
    await setting.untilDeleted("a");
    setting.put("b", -100, { ...ofJob, ttlSecondsAfterFinished: 3 });
    await setting.untilDeleted("b");
    started.stop();
  },
);

expiry("history limits delete the oldest of each outcome", async () => {
  const setting = new Setting();
  const started = setting.start();
  started.begin();
  setting.job({ successfulRunsHistoryLimit: 2, failedRunsHistoryLimit: 0 });
  setting.put("d1", -50, ofJob);
  setting.put("d3", -30, ofJob);
  setting.put("other", -60, { job: "Other" });
  setting.put("d2", -40, ofJob);
  await setting.untilDeleted("d1");
  setting.put("f1", -20, ofJob, "TERMINATED");
  await setting.untilDeleted("f1");
  setting.job({ successfulRunsHistoryLimit: 0 });
  await setting.untilDeleted("d2", "d3");
  assert.ok(setting.runs.get("n/other"));
  started.stop();
});

expiry("F-36: a run whose history or logs are not stored yet stays, and goes when they are", async () => {
  const setting = new Setting();
  const started = setting.start(0);
  setting.archived.add("not u-unsaved");
  started.begin();
  setting.put("unsaved", -5);
  setting.put("saved", -4);
  await setting.untilDeleted("saved");
  assert.ok(setting.runs.get("n/unsaved"));
  setting.archived.clear();
  setting.nowMs += 2_000;
  started.begin();
  setting.put("another", -3);
  await setting.untilDeleted("another", "unsaved");
  started.stop();
});

expiry(
  "F-36: that a run stays for what is not stored is told once, and not of one that has to wait a moment",
  async () => {
    const setting = new Setting();
    const started = setting.start(0);
    setting.archived.add("not u-stays");
    setting.archived.add("not u-slow");
    started.begin();
    setting.put("stays", -5);
    setting.put("slow", -4);
    const look = async (name: string): Promise<void> => {
      setting.nowMs += 130_000;
      started.begin();
      setting.put(name, setting.nowMs / 1000 - T0 / 1000 - 1);
      await setting.untilDeleted(name);
    };
    await look("once");
    await look("twice");
    assert.equal(setting.held, []);
    setting.archived.delete("not u-slow");
    setting.nowMs += 130_000;
    started.begin();
    await setting.untilDeleted("slow");
    for (const name of ["again", "and-again", "still"]) await look(name);
    assert.equal(setting.held, ["stays"]);
    started.stop();
  },
);

expiry(
  "a deletion that fails is repeated; one of another process's runs is not begun; a run of the same name is not deleted",
  async () => {
    const setting = new Setting();
    const started = setting.start(0);
    setting.refuse = new Error("no");
    started.begin();
    setting.put("a", -5);
    await until(() => setting.most > 0 && setting.underWay === 0, 60_000, {
      describe: "a deletion has failed",
      everyMs: 5,
    });
    setting.refuse = undefined;
    setting.nowMs += 5_000;
    started.begin();
    setting.put("b", -5);
    await setting.untilDeleted("a", "b");
    setting.mine = false;
    setting.put("c", -5);
    setting.put("d", -5);
    setting.runs.remove("n/d");
    setting.mine = true;
    setting.put("e", -5);
    await setting.untilDeleted("c", "e");
    started.stop();
  },
);

expiry("thousands that are due at once are deleted a few at a time", async () => {
  const setting = new Setting();
  const started = setting.start(0);
  for (let n = 100; n < 200; n++) setting.put(`r${n}`, -5);
  started.begin();
  await setting.untilDeleted(...Array.from({ length: 100 }, (_, n) => `r${n + 100}`));
  assert.ok(setting.most <= 4, `${setting.most} at a time`);
  started.stop();
});
expiry.run();
