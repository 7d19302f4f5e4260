import type { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";

/** What is asked for; the API server may give less, and refuses less than ten minutes. */
const LIFE_SECONDS = 3_600;
/** One that ends sooner is replaced. */
const SPARE_MS = 120_000;

interface TokenAnswer {
  status?: { token?: string; expirationTimestamp?: string };
}

/** A service account's token, by its subresource `token`: needs the right to create `serviceaccounts/token` of that name. */
export class AccountToken {
  readonly #client: Pick<KubeClient, "create">;
  readonly #account: { namespace: string; name: string };
  #current: Promise<string> | undefined;
  /** Milliseconds since 1970 until which the current one is used. */
  #until = 0;

  constructor(client: Pick<KubeClient, "create">, account: { namespace: string; name: string }) {
    this.#client = client;
    this.#account = account;
  }

  /** One that is good for a while yet. Rejects with an Error that says whose token could not be made, and why. */
  next(): Promise<string> {
    if (this.#current === undefined || Date.now() >= this.#until) {
      const made = this.#make();
      this.#current = made;
      this.#until = Date.now() + LIFE_SECONDS * 1_000 - SPARE_MS;
      made.catch(() => {
        if (this.#current === made) this.forget();
      });
    }
    return this.#current;
  }

  /** The one at hand was refused: the next is another. */
  forget(): void {
    this.#current = undefined;
  }

  async #make(): Promise<string> {
    const { namespace, name } = this.#account;
    const body = {
      ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" },
      spec: { expirationSeconds: LIFE_SECONDS },
    };
    try {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const { token, expirationTimestamp = "" } = (await this.#client.create<TokenAnswer>(path, body)).status ?? {};
      if (token === undefined || token === "") throw new Error("the API server sent none");
      const end = Date.parse(expirationTimestamp);
      if (!Number.isNaN(end)) this.#until = end - SPARE_MS;
      return token;
    } catch (error) {
      const why = isKubeError(error) || error instanceof Error ? error.message : String(error);
      throw new Error(`no token of the service account ${name} in ${namespace} could be made: ${why}`);
    }
  }
}
