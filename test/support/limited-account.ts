import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeClient } from "../../kube/client.ts";
import { writeTokenKubeconfig } from "./account-kubeconfig.ts";
import { until } from "./deadline.ts";

/** What an account may do, as a Role says it. */
export interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

const WAIT_MS = 60_000;
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** Waits until the API server goes by a rule: it does so a moment after the rule and its binding are written. Without a namespace in the whole cluster. */
export async function untilAllowed(
  client: KubeClient,
  account: { namespace: string; name: string },
  { apiGroups: [group = ""], resources: [named = ""], verbs: [verb = ""] }: Rule,
  namespace?: string,
): Promise<void> {
  const [resource = "", subresource] = named.split("/");
  const accounts = "system:serviceaccounts";
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: {
      user: `system:serviceaccount:${account.namespace}:${account.name}`,
      groups: [accounts, `${accounts}:${account.namespace}`, "system:authenticated"],
      resourceAttributes: { verb, group, resource, subresource, namespace },
    },
  };
  const look = async (): Promise<boolean> => {
    const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    return (await client.create<{ status: { allowed: boolean } }>(path, review)).status.allowed;
  };
  await until(look, WAIT_MS, { describe: `${account.name} may ${verb} ${named}` });
}

/** A service account of one namespace whose rights a test gives and takes. */
export class LimitedAccount {
  /** A kubeconfig that is this account. */
  readonly kubeconfig: string;
  readonly #client: KubeClient;
  readonly #path: string;
  /** The account's own. */
  readonly name: string;
  readonly #directory: string;

  private constructor(client: KubeClient, path: string, name: string, directory: string) {
    this.#client = client;
    this.#path = path;
    this.name = name;
    this.#directory = directory;
    this.kubeconfig = join(directory, "kubeconfig");
  }

  static async create(client: KubeClient, namespace: string, rules: readonly Rule[]): Promise<LimitedAccount> {
    const name = `limited-${randomUUID().slice(0, 8)}`;
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const roles = `${RBAC}/namespaces/${namespace}`;
    await client.create(accounts, { metadata: { name } });
    await client.create(`${roles}/roles`, { metadata: { name }, rules });
    await client.create(`${roles}/rolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    });
    const { status } = await client.create<{ status: { token: string } }>(`${accounts}/${name}/token`, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {},
    });
    const account = new LimitedAccount(client, roles, name, mkdtempSync(join(tmpdir(), "odin-account-")));
    writeTokenKubeconfig(account.kubeconfig, name, status.token);
    for (const rule of rules) await untilAllowed(client, { namespace, name }, rule, namespace);
    return account;
  }

  /** Replaces what it may do; the API server goes by it a moment later. */
  async allow(rules: readonly Rule[]): Promise<void> {
    await this.#client.patch(`${this.#path}/roles/${this.name}`, "merge", { rules });
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
