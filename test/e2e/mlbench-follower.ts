import { KubeConfig } from "@kubernetes/client-node";
import { CommandRuns } from "../../api/mlbench/controller/command-run.ts";
import type { ManagedRun, WorkerPod } from "../../api/mlbench/runs/managed-run.ts";
import { KubeClient } from "../../kube/client.ts";
import { execInPod } from "../../kube/exec.ts";
import { EmbeddedSql } from "../../store/embedded.ts";
import { MlbenchOutput } from "../../store/mlbench-output.ts";

/** What this program is given, as JSON in its only argument. */
export interface FollowerOptions {
  store: string;
  run: ManagedRun;
  workers: WorkerPod[];
}

/** Carries out the command of one run and prints how it ended, on a line that begins with `END `. Made to be killed. */
const { store, run, workers } = JSON.parse(process.argv[2] ?? "") as FollowerOptions;
const kubeConfig = new KubeConfig();
kubeConfig.loadFromDefault();
const client = new KubeClient({ kubeConfig, userAgent: "odin-test" });
const say = (fields: object, message: string) => console.log(message, JSON.stringify(fields));
const commands = new CommandRuns({
  exec: (options) => execInPod(client, options),
  output: new MlbenchOutput(new EmbeddedSql(store), 100_000),
  logger: { debug: say, info: say, warn: say, error: say },
  onEnd: (_uid, end) => console.log(`END ${JSON.stringify(end)}`),
});
commands.start(run, workers);
console.log("FOLLOWING");
