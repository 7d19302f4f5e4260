import { parseArgs } from "node:util";
import { startCluster, stopCluster } from "./cluster.ts";
import { runInterruptibly } from "./interrupt.ts";
import { LocalError, messageOf } from "./local-error.ts";
import { streamProgress } from "./progress.ts";

const HELP = `Usage: node dist/local/cluster-main.js --dir DIR [--gpus N] [--nodes N] [--network-policies] [--audit-log]
       node dist/local/cluster-main.js --dir DIR --stop

Starts a Kubernetes cluster with one real node in DIR, or finds the one that runs there, and prints the path of its
kubeconfig. It runs on until --stop, which removes DIR as well.
`;

await runInterruptibly(async (signal) => {
  const values = readArguments();
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (!values.dir) throw new LocalError("--dir DIR is missing; --help shows the usage");
  if (values.stop) {
    await stopCluster(values.dir, streamProgress());
    return;
  }
  const gpus = Number(values.gpus);
  if (!Number.isInteger(gpus) || gpus < 0 || gpus > 64) {
    throw new LocalError(`--gpus ${values.gpus} is not a whole number from 0 to 64`);
  }
  const nodes = Number(values.nodes);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 9) {
    throw new LocalError(`--nodes ${values.nodes} is not a whole number from 1 to 9`);
  }
  const cluster = await startCluster({
    dir: values.dir,
    progress: streamProgress(),
    gpus,
    nodes,
    networkPolicies: values["network-policies"],
    auditLog: values["audit-log"],
    signal,
  });
  process.stdout.write(`${cluster.kubeconfig}\n`);
});

function readArguments() {
  try {
    return parseArgs({
      options: {
        dir: { type: "string" },
        gpus: { type: "string", default: "4" },
        nodes: { type: "string", default: "1" },
        "network-policies": { type: "boolean", default: false },
        "audit-log": { type: "boolean", default: false },
        stop: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw new LocalError(`${messageOf(error).replaceAll("\n", " ")}; --help shows the usage`);
  }
}
