import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Rendered } from "./helm.ts";
import { testVariable } from "./kubectl.ts";

/** A request of a service account, as the API server's audit log has it. */
export interface AccountRequest {
  /** `NAMESPACE:NAME` of the account. */
  account: string;
  verb: string;
  /** `pods`, `pods/log`, `pipelines.odin.io`; a path where it is not about objects. */
  resource: string;
  namespace: string;
  name: string;
  code: number;
  message: string;
  /** When the server received it, in milliseconds since 1970. */
  at: number;
}

interface AuditEvent {
  stage: string;
  verb: string;
  requestURI: string;
  requestReceivedTimestamp: string;
  user?: { username?: string };
  objectRef?: { resource?: string; subresource?: string; apiGroup?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number; message?: string };
}

const ACCOUNT = "system:serviceaccount:";

/** Everything that service accounts of these namespaces asked the API server for. */
export async function accountRequests(namespaces: readonly string[]): Promise<AccountRequest[]> {
  const requests: AccountRequest[] = [];
  const marks = namespaces.map((namespace) => `"${ACCOUNT}${namespace}:`);
  for await (const line of createInterface({ input: createReadStream(testVariable("ODIN_TEST_AUDIT_LOG")) })) {
    if (!marks.some((mark) => line.includes(mark))) continue;
    const event = parsed(line);
    const user = event?.user?.username ?? "";
    const isTheirs = namespaces.some((namespace) => user.startsWith(`${ACCOUNT}${namespace}:`));
    // A watch is answered when it starts; when it completes, it may be hours later.
    if (event === undefined || !isTheirs || !/^Response/.test(event.stage)) continue;
    const { resource, subresource, apiGroup, namespace = "", name = "" } = event.objectRef ?? {};
    requests.push({
      account: user.slice(ACCOUNT.length),
      verb: event.verb,
      resource: resource === undefined ? event.requestURI : resourceName(resource, subresource, apiGroup),
      namespace,
      name,
      code: event.responseStatus?.code ?? 0,
      message: event.responseStatus?.message ?? "",
      at: Date.parse(event.requestReceivedTimestamp),
    });
  }
  return requests;
}

function resourceName(resource: string, subresource = "", group = ""): string {
  const [plain = resource, part = subresource] = resource.split("/");
  return `${group === "" ? plain : `${plain}.${group}`}${part === "" ? "" : `/${part}`}`;
}

function parsed(line: string): AuditEvent | undefined {
  try {
    return JSON.parse(line) as AuditEvent;
  } catch {
    // The last line may be half written.
    return undefined;
  }
}

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

/** A right as a binding gives it: in one namespace, or without one in the whole cluster. */
export interface Right {
  account: string;
  verb: string;
  resource: string;
  namespace?: string;
}

/** The right in words: `odin-api: get pods/log in odin`. */
export function rightText({ account, verb, resource, namespace }: Right): string {
  return `${account}: ${verb} ${resource} in ${namespace ?? "the whole cluster"}`;
}

/** What the rules of a rendered chart grant, each right once, and where. */
export function grantedRights(objects: readonly Rendered[]): Right[] {
  const granted = new Map<string, Right>();
  for (const binding of objects.filter(({ kind }) => kind === "RoleBinding" || kind === "ClusterRoleBinding")) {
    const { roleRef, subjects } = binding as unknown as {
      roleRef: { kind: string; name: string };
      subjects: { name: string }[];
    };
    const { namespace } = binding.metadata;
    if (binding.kind === "RoleBinding" && namespace === undefined)
      throw new Error(`the binding ${binding.metadata.name} does not say its namespace`);
    const role = objects.find(
      ({ kind, metadata }) =>
        kind === roleRef.kind &&
        metadata.name === roleRef.name &&
        (kind === "ClusterRole" || metadata.namespace === namespace),
    );
    if (role === undefined)
      throw new Error(`${binding.metadata.name} binds ${roleRef.name}, which is not in the chart`);
    for (const { name: account } of subjects)
      for (const { apiGroups, resources, verbs } of (role as unknown as { rules: Rule[] }).rules)
        for (const group of apiGroups)
          for (const name of resources)
            for (const verb of verbs) {
              const [plain = "", part] = name.split("/");
              const resource = resourceName(plain, part, group);
              const right = { account, verb, resource, ...(namespace === undefined ? {} : { namespace }) };
              granted.set(rightText(right), right);
            }
  }
  return [...granted.values()];
}

/**
 * The rights without which every one of the requests would have been allowed as well. A request uses the narrowest right that allows it: one in
 * the whole cluster only where none in its namespace does.
 */
export function unusedRights(granted: readonly Right[], requests: readonly AccountRequest[]): Right[] {
  const texts = new Set(granted.map(rightText));
  const used = new Set(
    requests.map(({ account, verb, resource, namespace }) => {
      const asked = { account: account.slice(account.indexOf(":") + 1), verb, resource };
      const there = rightText({ ...asked, namespace });
      return texts.has(there) ? there : rightText(asked);
    }),
  );
  return granted.filter((right) => !used.has(rightText(right)));
}
