import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
import type { KubeClient } from "../../../kube/client.ts";
import { AccountToken } from "./account-token.ts";

/** With what a kubelet is asked over TLS. */
export interface KubeletCredential {
  /** The Authorization header, if any. */
  authorization?: string;
  /** How the kubelet's certificate is checked, and what we show of our own. */
  tls: Pick<ConnectionOptions, "ca" | "rejectUnauthorized" | "secureContext">;
}

interface CredentialParts {
  client: Pick<KubeClient, "create" | "identity">;
  /** File in PEM with the certificates to trust. */
  caFile?: string;
  /** An account that may read what nodes use and nothing else. */
  account?: { namespace: string; name: string };
}

/**
 * Says with what a kubelet is asked (M-61). Whoever can answer in the place of a node gets what is sent there, so our own credential goes only to kubelets
 * whose certificate has been checked: by `caFile`, or without one by the authority of the API server. Most kubelets have made their certificates
 * themselves; they are asked unchecked, and get the token of an account that may do nothing else.
 */
export class KubeletCredentials {
  readonly #parts: CredentialParts;
  readonly #token: AccountToken | undefined;

  constructor(parts: CredentialParts) {
    this.#parts = parts;
    this.#token = parts.account === undefined ? undefined : new AccountToken(parts.client, parts.account);
  }

  /** Rejects with an Error that says what cannot be had. */
  async next(): Promise<KubeletCredential> {
    const { client, caFile } = this.#parts;
    const ca = caFile === undefined ? undefined : await readFile(caFile, "utf8");
    if (this.#token !== undefined) {
      const tls = ca === undefined ? { rejectUnauthorized: false } : { ca };
      return { authorization: `Bearer ${await this.#token.next()}`, tls };
    }
    const { authorization, secureContext } = await client.identity();
    const tls = ca === undefined ? { secureContext } : { ca };
    return { ...(authorization === undefined ? {} : { authorization }), tls };
  }

  /** A kubelet did not accept the last one. */
  refused(): void {
    this.#token?.forget();
  }

  /** Whether kubelets are asked whose certificate nobody has checked. */
  get areUnchecked(): boolean {
    return this.#token !== undefined && this.#parts.caFile === undefined;
  }
}
