import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { TaskStatus } from "../../../crds/generated/types.ts";
import { POD } from "../../../kube/core-resources.ts";
import type { ObservedObject } from "../../../operator/decide/run.ts";
import { recordOfObject } from "../../../operator/decide/task-state.ts";

const test = suite("results of tasks");
const NOW = "2026-01-01T00:00:00Z";

function recorded(phase: "Succeeded" | "Failed", terminationMessage: string): TaskStatus {
  const object: ObservedObject = {
    resource: POD,
    name: "r--a",
    uid: "u",
    task: "a",
    attempt: 1,
    createdAt: NOW,
    phase,
    deleting: false,
    gone: false,
    ended: { exitCode: phase === "Failed" ? 1 : 0, terminationMessage, at: NOW },
  };
  return recordOfObject({ state: "executing" }, object, NOW, undefined);
}

test("O-205: a JSON object is kept as it is, up to 4 KiB", () => {
  const text = JSON.stringify({ outputs: { a: "ä" }, deep: { er: [1, null] } });
  assert.is(recorded("Succeeded", `\n ${text} \n`).result, text);
  const most = JSON.stringify({ a: "x".repeat(4096 - '{"a":""}'.length) });
  assert.is(Buffer.byteLength(most), 4096);
  assert.is(recorded("Succeeded", most).result, most);
});

test("O-205: everything else is the message, cut to what a record holds", () => {
  for (const text of ["plain words", "[1, 2]", "12", "null", '"text"', "{broken", "{} {}"]) {
    const { state, result, message } = recorded("Succeeded", text);
    assert.equal([state, result, message], ["executed", undefined, text], text);
  }
  const long = recorded("Succeeded", "x".repeat(4096)).message ?? "";
  assert.ok(long.length <= 200 && long.startsWith("xxx"), String(long.length));
  assert.is(recorded("Succeeded", "  \n").message, undefined);
});

test("O-205, O-183: a task that failed has no result; what it said is its message", () => {
  const { state, result, message } = recorded("Failed", '{"accuracy": 1}');
  assert.equal([state, result, message], ["terminated", undefined, '{"accuracy": 1}']);
});

test.run();
