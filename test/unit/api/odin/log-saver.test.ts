import { Readable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type LogSaver, saveLogs } from "../../../../api/odin/log-saver.ts";
import type { KubeClient } from "../../../../kube/client.ts";
import { KubeError } from "../../../../kube/errors.ts";
import { silentLogger } from "../../../../kube/logger.ts";
import type { LogArchive, LogOwner, LogState, LogText } from "../../../../store/log-archive.ts";
import { StoreProblem } from "../../../../store/store-problem.ts";
import { within } from "../../../support/deadline.ts";
import { samplePod } from "./sample.ts";

const test = suite("api log saver");

/** A saver whose node says what the test says, and what it wrote down. */
function saver(
  answer: (pod: string) => Promise<Readable>,
  settled: string[] = [],
): { saver: LogSaver; kept: unknown[][] } {
  const kept: unknown[][] = [];
  const archive = {
    settled: async () => new Set(settled),
    save: async ({ pod }: LogOwner, { text, reason }: LogText, state: LogState) =>
      kept.push([pod, state, Buffer.from(text).toString(), reason]),
    lose: async ({ pod }: LogOwner, reason: string, state: LogState = "lost") => kept.push([pod, state, reason]),
  } as unknown as LogArchive;
  const client = { stream: (path: string) => answer(path.split("/").at(-2) ?? "") } as unknown as KubeClient;
  return { saver: { client, namespace: "ns", archive, logger: silentLogger }, kept };
}

test("O-211, O-225: what has ended is whole, what runs is a part, what never ran has none, what is there already is left", async () => {
  const { saver: mine, kept } = saver(async (pod) => Readable.from([Buffer.from(`${pod}\n`)]), ["uid-there"]);
  await saveLogs(mine, [
    samplePod("a", { name: "ended", ended: true }),
    samplePod("a", { name: "runs" }),
    samplePod("a", { name: "waits", scheduled: false, started: false }),
    samplePod("a", { name: "there", ended: true }),
  ]);
  assert.equal(kept.map(([pod, state]) => [pod, state]).sort(), [
    ["ended", "whole"],
    ["runs", "partial"],
    ["waits", "none"],
  ]);
  assert.match(kept.find(([pod]) => pod === "runs")?.[3] as string, "just before the container was stopped");
});

test("O-225: a log that cannot be read leaves its reason", async () => {
  const message = "GET /api/v1/x: the node is gone (HTTP 500 InternalError)";
  const { saver: mine, kept } = saver((pod) =>
    pod === "removed"
      ? Promise.resolve(Readable.from([Buffer.from("unable to retrieve container logs for containerd://abc")]))
      : Promise.reject(new KubeError({ code: 500, reason: "InternalError", category: "transient", message })),
  );
  await saveLogs(mine, [
    samplePod("a", { name: "unreachable", ended: true }),
    samplePod("a", { name: "removed", ended: true }),
  ]);
  assert.equal(kept.sort(), [
    ["removed", "lost", "unable to retrieve container logs for containerd://abc"],
    ["unreachable", "lost", "the node is gone"],
  ]);
});

test("F-36: a store that does not work, or hangs, keeps nobody from cleaning up", async () => {
  const { saver: mine } = saver(async () => Readable.from([Buffer.from("x")]));
  const refuses = { settled: () => Promise.reject(new StoreProblem("full", "no room")) } as unknown as LogArchive;
  await saveLogs({ ...mine, archive: refuses }, [samplePod("a", { ended: true })]);
  const hangs = { settled: () => new Promise(() => undefined) } as unknown as LogArchive;
  await within(60_000, () => saveLogs({ ...mine, archive: hangs }, [samplePod("a", { ended: true })]));
  const { archive: _, ...without } = mine;
  await saveLogs(without, [samplePod("a", { ended: true })]);
});

test.run();
