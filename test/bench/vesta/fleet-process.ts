import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { FleetAddress } from "../../support/exporter-fleet.ts";

/** A fleet of exporters in a process of its own, so that what they take is not counted as the API's. */
export interface FleetProcess {
  pid: number;
  addresses: readonly FleetAddress[];
  stop(): Promise<void>;
}

/** Starts it and waits until all of them listen. */
export async function startFleet(exporters: number, gpus: number): Promise<FleetProcess> {
  const args = [join(import.meta.dirname, "fleet-main.js"), String(exporters), String(gpus)];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  if (child.stdout === null || child.pid === undefined) throw new Error("the fleet could not be started");
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    ended.then(() => {
      throw new Error("the fleet ended before it listened");
    }),
  ]);
  return {
    pid: child.pid,
    addresses: JSON.parse(String(line[0])) as FleetAddress[],
    async stop() {
      child.stdin?.end();
      await ended;
    },
  };
}
