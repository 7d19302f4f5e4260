import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeClient } from "../../kube/client.ts";
import { writeTokenKubeconfig } from "./account-kubeconfig.ts";

/** What an account may do, as a Role says it. */
export interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** A service account of one namespace whose rights a test gives and takes. */
export class LimitedAccount {
  /** A kubeconfig that is this account. */
  readonly kubeconfig: string;
  readonly #client: KubeClient;
  readonly #path: string;
  readonly #name: string;
  readonly #directory: string;

  private constructor(client: KubeClient, path: string, name: string, directory: string) {
    this.#client = client;
    this.#path = path;
    this.#name = name;
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
    return account;
  }

  /** Replaces what it may do; the API server goes by it a moment later. */
  async allow(rules: readonly Rule[]): Promise<void> {
    await this.#client.patch(`${this.#path}/roles/${this.#name}`, "merge", { rules });
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
