import type { KubeClient } from "../../kube/client.ts";
import type { Lease } from "../../kube/lease-record.ts";
import { objectPath } from "../../kube/resource.ts";

const LEASE = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease", namespaced: true };
const NAME = "odin-operator";
/** An answer serves all callers for so long: anybody may ask (O-41). */
const KEPT_MS = 2_000;
const TIMEOUT_MS = 2_000;

/** When the operator last renewed its lease. */
export class OperatorLease {
  readonly #client: KubeClient;
  readonly #namespace: string;
  #asked = Number.NEGATIVE_INFINITY;
  #answer: Promise<Date | undefined> = Promise.resolve(undefined);

  constructor(client: KubeClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /** The time in the lease; undefined if there is none, if nobody holds it, or if it cannot be read. */
  renewed(): Promise<Date | undefined> {
    const now = performance.now();
    if (now - this.#asked > KEPT_MS) {
      this.#asked = now;
      this.#answer = this.#read();
    }
    return this.#answer;
  }

  async #read(): Promise<Date | undefined> {
    try {
      const path = objectPath(LEASE, this.#namespace, NAME);
      const { spec } = await this.#client.get<Lease>(path, { timeoutMs: TIMEOUT_MS });
      return spec?.renewTime && spec.holderIdentity ? new Date(spec.renewTime) : undefined;
    } catch {
      // Without Kubernetes there is no operator that responds.
      return undefined;
    }
  }
}
