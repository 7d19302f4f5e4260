import { once } from "node:events";
import { parseArgs } from "node:util";
import { startControlPlane } from "./control-plane.ts";
import { runInterruptibly } from "./interrupt.ts";
import { LocalError, messageOf } from "./local-error.ts";
import { streamProgress } from "./progress.ts";

const HELP = `Usage: node dist/local/control-plane-main.js --dir DIR [--audit-log] [--controller-manager] [--scheduler]

Starts etcd and an API server in DIR, prints the path of a kubeconfig, and stops on Ctrl-C, removing DIR.
`;

await runInterruptibly(async (signal) => {
  const { values } = readArguments();
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (!values.dir) throw new LocalError("--dir DIR is missing; --help shows the usage");
  const plane = await startControlPlane({
    dir: values.dir,
    progress: streamProgress(),
    auditLog: values["audit-log"],
    controllerManager: values["controller-manager"],
    scheduler: values.scheduler,
    signal,
  });
  process.stdout.write(`${plane.kubeconfig}\n`);
  const keepAlive = setInterval(() => {}, 60_000);
  if (!signal.aborted) await once(signal, "abort");
  clearInterval(keepAlive);
  await plane.stop();
});

function readArguments() {
  try {
    return parseArgs({
      options: {
        dir: { type: "string" },
        "audit-log": { type: "boolean", default: false },
        "controller-manager": { type: "boolean", default: false },
        scheduler: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new LocalError(`${messageOf(error).replaceAll("\n", " ")}; --help shows the usage`);
  }
}
