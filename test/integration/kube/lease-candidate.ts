import { createInterface } from "node:readline";
import { KubeConfig } from "@kubernetes/client-node";
import { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { LeaderElection } from "../../../kube/lease.ts";
import { silentLogger } from "../../../kube/logger.ts";

// A process that stands for election and, for each line on standard input, tries to write its name into a ConfigMap:
// lease-candidate NAMESPACE LEASE IDENTITY CONFIGMAP-PATH. It tells on standard output what it does.

const [namespace = "", name = "", identity = "", path = ""] = process.argv.slice(2);
const kubeConfig = new KubeConfig();
kubeConfig.loadFromDefault();
const tell = (text: string) => process.stdout.write(`${text}\n`);

const election = new LeaderElection({
  client: new KubeClient({ kubeConfig, userAgent: "candidate" }),
  namespace,
  name,
  identity,
  leaseDurationMs: 8_000,
  renewDeadlineMs: 5_000,
  retryPeriodMs: 200,
  logger: silentLogger,
  onStarted: () => tell("started"),
  onStopped: () => tell("stopped"),
});
const writer = new KubeClient({ kubeConfig, userAgent: "candidate", canWrite: () => election.isLeader() });

void election.run(new AbortController().signal);
for await (const _line of createInterface({ input: process.stdin })) {
  try {
    await writer.patch(path, "merge", { data: { writer: identity } });
    tell("wrote");
  } catch (error) {
    tell(isKubeError(error) ? `refused ${error.reason}` : `failed ${error}`);
  }
}
