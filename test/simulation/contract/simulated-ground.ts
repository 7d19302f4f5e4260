import { KubeConfig } from "@kubernetes/client-node";
import { KubeClient } from "../../../kube/client.ts";
import { ApiServer } from "../api/api-server.ts";
import { ObjectStore } from "../api/object-store.ts";
import { factsOf } from "../api/resources.ts";
import { chance } from "../chance.ts";
import { collectGarbage } from "../cluster/garbage-collector.ts";
import { fakeRequest } from "../fake-request.ts";
import { Network } from "../network.ts";
import { replaceGlobals } from "../virtual-globals.ts";
import { type VirtualProcess, VirtualTime } from "../virtual-time.ts";
import type { Ground, Promised } from "./ground.ts";

const NAMESPACE = "contract";
const LIMIT_MS = 10 * 60_000;
const MAX_STEPS = 200_000;

/** Checks one promise against the simulated API server, on its virtual clock. */
export async function checkSimulated({ check }: Promised): Promise<void> {
  const time = new VirtualTime();
  const stamp = () => time.stamp();
  const server = new ApiServer(new ObjectStore({ stamp }), stamp);
  const network = new Network(time, server, chance(1, "network"));
  collectGarbage(time, server, chance(1, "garbage"));
  server.store.create(factsOf("", "namespaces"), { metadata: { name: NAMESPACE }, status: { phase: "Active" } });
  const checker: VirtualProcess = { name: "checker", alive: true, pausedUntilMs: 0, skewMs: 0 };
  network.connect("checker", checker);
  const restore = replaceGlobals({
    time,
    random: chance(1, "programs").fraction,
    request: fakeRequest((request) => network.send(request)),
  });
  let outcome: { error?: unknown } | undefined;
  try {
    time.after(
      0,
      () => {
        const ground: Ground = {
          client: clientOf("checker"),
          namespace: NAMESPACE,
          compact: async () => server.store.compact(),
        };
        check(ground).then(
          () => {
            outcome = {};
          },
          (error: unknown) => {
            outcome = { error };
          },
        );
      },
      checker,
    );
    const how = await time.run(() => outcome !== undefined, LIMIT_MS, MAX_STEPS);
    if (how !== "done") throw new Error(`the check did not end (${how})`);
  } finally {
    restore();
  }
  if (outcome?.error !== undefined) throw outcome.error;
}

/** A client whose requests go to the simulated network under that host name. */
function clientOf(host: string): KubeClient {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromOptions({
    clusters: [{ name: "simulated", server: `http://${host}` }],
    users: [{ name: "simulated" }],
    contexts: [{ name: "simulated", cluster: "simulated", user: "simulated" }],
    currentContext: "simulated",
  });
  return new KubeClient({ kubeConfig, userAgent: "odin-contract" });
}
