// timeout: 300
import { spawn } from "node:child_process";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until, within } from "../../../../support/deadline.ts";
import { embeddedStores } from "../../../store/store-cases.ts";
import { hostsOn, told } from "./hosts-stage.ts";

const test = suite("hosts of vesta whose process is killed");
const stores = embeddedStores(test);
const WAIT_MS = 120_000;
const ROUNDS = 4;

/** Lets a process write to the store until it has said so much, and kills it in the middle of what it does then. */
async function killedAfter(path: string, prefix: string, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "host-writer.js"), path, prefix], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += String(chunk);
  });
  const closed = new Promise((resolve) => child.once("close", resolve));
  const said = (): string[] => text.split("\n").filter((line) => line.endsWith("."));
  try {
    await until(() => said().length >= lines, WAIT_MS, { describe: `it has said ${lines} lines`, everyMs: 1 });
  } finally {
    child.kill("SIGKILL");
  }
  await closed;
  return said().map((line) => line.slice(0, -1));
}

test("V-28, V-29, V-57: what was acknowledged is there after a kill, and each change of a status has its one message", () =>
  within(WAIT_MS, async () => {
    const path = stores.path("killed.db");
    const entered = new Map<string, string>();
    const posted = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const line of await killedAfter(path, `p${round}`, 15 + 37 * round)) {
        const [what, id = "", more = ""] = line.split(" ");
        if (what === "entered") entered.set(id, more);
        if (what === "posted") posted.set(id, Number(more));
      }
    }
    const sql = stores.open("killed.db");
    const hosts = await hostsOn(sql, "reader", { now: 1 });
    for (const [id, name] of entered) assert.is(hosts.get(id)?.name, name);
    for (const [id, number] of posted) {
      const kept = Number(hosts.get(id)?.payload?.["gpu:0"]?.gpu_volatile);
      assert.ok(kept >= number, `${id}: ${kept} instead of ${number}`);
      const host = hosts.get(id);
      assert.equal(host && hosts.newestRow(host)?.data, host?.payload, "each post is a row");
    }
    assert.ok(posted.size >= ROUNDS);
    const messages = await told(sql);
    for (const { name, status } of hosts.list()) {
      const kinds = messages.filter((text) => text.endsWith(` ${name}`)).map((text) => text.split(" ")[0]);
      const wanted = kinds.map((_, index) => (index === 0 ? "uplink" : index % 2 === 1 ? "down" : "re-uplink"));
      assert.equal(kinds, wanted, name);
      assert.is(status, kinds.at(-1) === "down" ? "down" : "running", name);
    }
    await hosts.stop();
  }));

test.run();
