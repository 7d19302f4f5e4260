import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Run } from "../../../local/demo-rest.ts";
import { LiveTable } from "../../../local/demo-table.ts";

const table = suite("the demonstration's table");

function screen(isTTY: boolean, columns = 120): { stream: NodeJS.WriteStream; written: string[] } {
  const written: string[] = [];
  const write = (text: string): boolean => written.push(text) > 0;
  return { stream: { isTTY, columns, write } as unknown as NodeJS.WriteStream, written };
}

const run = (status: Run["status"], state: string, message?: string): Run => ({
  id: "sst2-1",
  status,
  tasks: [{ name: "train", status: state, ...(message === undefined ? {} : { message }) }],
});

table("on a terminal it is drawn again in its own place", () => {
  const { stream, written } = screen(true);
  const live = new LiveTable(stream);
  live.show([
    {
      from: "REST",
      run: run("RUNNING", "waiting", "Unschedulable: no node has a GPU to spare at the moment, so wait"),
    },
  ]);
  live.show([{ from: "REST", run: run("DONE", "executed", "some last words") }]);
  const [first = "", second = ""] = written;
  assert.match(first, /sst2-1.*REST.*RUNNING.*train.*waiting/);
  assert.match(first, "Unschedulable: no node has a GPU");
  assert.ok(second.startsWith(`\u001b[${first.split("\n").length - 1}A\u001b[J`), JSON.stringify(second.slice(0, 20)));
  assert.ok(!second.includes("some last words"), "a task that is done needs no explanation");
});

table("on a narrow terminal no line wraps", () => {
  const { stream, written } = screen(true, 60);
  new LiveTable(stream).show([{ from: "REST", run: run("RUNNING", "waiting", "x".repeat(200)) }]);
  for (const line of (written[0] ?? "").split("\n")) assert.ok(line.length < 60, line);
});

table("elsewhere each change is one line, told once", () => {
  const { stream, written } = screen(false);
  const live = new LiveTable(stream);
  for (let i = 0; i < 3; i++) live.show([{ from: "kubectl", run: run("RUNNING", "executing") }]);
  live.show([{ from: "kubectl", run: run("DONE", "executed") }]);
  assert.equal(written, [
    "  sst2-1  train: executing\n",
    "  sst2-1  RUNNING\n",
    "  sst2-1  train: executed\n",
    "  sst2-1  DONE\n",
  ]);
});
table.run();
