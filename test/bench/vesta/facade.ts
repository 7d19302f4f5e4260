import { join } from "node:path";
import type { ControlPlane } from "../../../local/control-plane.ts";
import { freePorts } from "../../../local/ports.ts";
import { GpuWorld } from "../../integration/api/gpu-world.ts";
import { until } from "../../support/deadline.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { send } from "../../unit/api/served.ts";

const READY_MS = 300_000;

/** An API process that watches a fleet. */
export interface WatchingFacade {
  port: number;
  pid: number;
  /** Ends it; throws with what it wrote if that was a warning or an error. */
  stop(): Promise<void>;
}

/** A host as `/states/` shows it, as far as it is looked at here. */
interface ShownHost {
  status: string;
  data: { gpu_data: object }[];
}

/** Starts the API on a store and waits until it shows so many running hosts with their GPUs. `world`: id of the nodes that it is to see. */
export async function startWatching(
  plane: ControlPlane,
  directory: string,
  fleet: { world: string; exporters: number; gpus: number },
  environment: Record<string, string>,
): Promise<WatchingFacade> {
  const [port = 0] = await freePorts(1);
  const process = new OdinProcess("api", {
    ...GpuWorld.settings(fleet.world),
    KUBECONFIG: plane.kubeconfig,
    ODIN_NAMESPACE: "bench",
    ODIN_SECRET: "the secret of a measurement, of no use elsewhere",
    ODIN_LISTEN: `127.0.0.1:${port}`,
    ODIN_LOG_LEVEL: "warn",
    ODIN_FS_ROOT: join(directory, "pipelines"),
    ODIN_DATA_PATH: join(directory, "data"),
    CLOCKWORK_NAMESPACES: "where-nothing-is",
    ...environment,
  });
  try {
    const look = async (): Promise<number> => {
      const { json } = await send(port, "GET", "/states/");
      return Object.values(json as Record<string, ShownHost>).filter(
        ({ status, data }) => status === "running" && Object.keys(data[0]?.gpu_data ?? {}).length === fleet.gpus,
      ).length;
    };
    const seen = await until<number | "ended">(() => (process.running ? look() : "ended"), READY_MS, {
      describe: `${fleet.exporters} hosts run`,
      accept: (running) => running === fleet.exporters || running === "ended",
      everyMs: 1_000,
    });
    if (seen === "ended") throw new Error("the API ended");
  } catch (error) {
    globalThis.process.stderr.write(process.output.slice(-5_000));
    await process.end("SIGTERM");
    throw error;
  }
  return {
    port,
    pid: process.pid,
    async stop() {
      await process.end("SIGTERM");
      const troubles = process.output.split("\n").filter((line) => line.startsWith('{"level":"'));
      if (troubles.length > 0) globalThis.process.stderr.write(`the API said:\n${troubles.slice(0, 20).join("\n")}\n`);
    },
  };
}
