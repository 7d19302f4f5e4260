import { setTimeout as delay } from "node:timers/promises";
import { AdminApi } from "./admin-api.ts";
import { run } from "./command.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import { messageOf } from "./local-error.ts";
import { ENFORCING } from "./network-policies.ts";
import {
  POLICY_CHAIN,
  type PolicedNamespace,
  type PolicedPod,
  type Policy,
  policyRules,
} from "./network-policy-rules.ts";

/**
 * Enforces the NetworkPolicies of the API server that the kubeconfig (the argument) names, in the network namespace in which
 * it runs. Ends only with the cluster; what goes wrong is said and tried again.
 */
const RETRY_MS = 500;
const api = new AdminApi(await readKubeconfig(process.argv[2] ?? ""));

interface Listed {
  metadata: { name: string; namespace?: string };
}
interface List {
  metadata: { resourceVersion: string };
  items: Listed[];
}

let changed = (): void => {};

/** Follows a collection for ever; the map is replaced by each list and kept by each watch. */
function follow(path: string): { objects: Map<string, Listed>; listed: boolean } {
  const followed = { objects: new Map<string, Listed>(), listed: false };
  const keyOf = ({ metadata }: Listed): string => `${metadata.namespace ?? ""}/${metadata.name}`;
  const onLine = (line: string): void => {
    const { type, object }: { type: string; object: Listed } = JSON.parse(line);
    if (type === "ERROR") throw new Error(line);
    if (type === "DELETED") followed.objects.delete(keyOf(object));
    else followed.objects.set(keyOf(object), object);
    changed();
  };
  const always = async (): Promise<never> => {
    for (;;) {
      try {
        const { metadata, items } = await api.request<List>("GET", path);
        followed.objects = new Map(items.map((item) => [keyOf(item), item]));
        followed.listed = true;
        changed();
        await api.lines(`${path}?watch=1&timeoutSeconds=600&resourceVersion=${metadata.resourceVersion}`, onLine);
      } catch (error) {
        process.stdout.write(`${path}: ${messageOf(error)}\n`);
        await delay(RETRY_MS);
      }
    }
  };
  void always();
  return followed;
}

// Before what kube-proxy does in its table, and where the addresses of services have become those of pods.
for (const chain of ["FORWARD", "INPUT"]) {
  await run("iptables", ["-w", "-t", "mangle", "-N", POLICY_CHAIN]).catch(() => {});
  await run("iptables", ["-w", "-t", "mangle", "-A", chain, "-j", POLICY_CHAIN]);
}
const pods = follow("/api/v1/pods");
const namespaces = follow("/api/v1/namespaces");
const policies = follow("/apis/networking.k8s.io/v1/networkpolicies");
let enforced = "";
for (;;) {
  const next = new Promise<void>((resolve) => {
    changed = resolve;
  });
  if (pods.listed && namespaces.listed && policies.listed) {
    // What the API server sent is what these types describe a part of.
    const rules = policyRules({
      pods: [...pods.objects.values()] as PolicedPod[],
      namespaces: [...namespaces.objects.values()] as PolicedNamespace[],
      policies: [...policies.objects.values()] as Policy[],
    });
    if (rules !== enforced) {
      try {
        await run("iptables-restore", ["-w", "--noflush"], { input: rules });
        if (enforced === "") process.stdout.write(`${ENFORCING}\n`);
        enforced = rules;
      } catch (error) {
        process.stdout.write(`${messageOf(error)}\n`);
        await delay(RETRY_MS);
        continue;
      }
    }
  }
  await next;
}
