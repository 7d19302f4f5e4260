import type { KubeClient } from "../../kube/client.ts";
import { SECRET } from "../../kube/core-resources.ts";
import { type KubeObject, objectPath } from "../../kube/resource.ts";
import { ScrapeError } from "./scrape.ts";

/** How long a Secret that was read is believed. */
const BELIEVED_MS = 60_000;

/** User and password for exporters, out of a Secret with the keys `username` and `password` (`kubernetes.io/basic-auth`). */
export class BasicCredential {
  readonly #client: KubeClient;
  readonly #secret: { namespace: string; name: string };
  #kept: { header: Promise<string>; readAt: number } | undefined;

  constructor(client: KubeClient, secret: { namespace: string; name: string }) {
    this.#client = client;
    this.#secret = secret;
  }

  /** The Authorization header; rejects with a ScrapeError that names the Secret where it cannot be read. */
  header(): Promise<string> {
    if (this.#kept === undefined || performance.now() - this.#kept.readAt > BELIEVED_MS) {
      const kept = { header: this.#read(), readAt: performance.now() };
      kept.header.catch(() => {
        if (this.#kept === kept) this.#kept = undefined;
      });
      this.#kept = kept;
    }
    return this.#kept.header;
  }

  /** An exporter did not take it: the Secret is read again for the next scrape. */
  refused(): void {
    this.#kept = undefined;
  }

  async #read(): Promise<string> {
    const { namespace, name } = this.#secret;
    let data: Record<string, string> | undefined;
    try {
      data = (
        await this.#client.get<KubeObject & { data?: Record<string, string> }>(objectPath(SECRET, namespace, name))
      ).data;
    } catch (error) {
      throw new ScrapeError("other", `could not be asked: the Secret ${namespace}/${name} cannot be read`, error);
    }
    const [username, password] = [data?.username, data?.password].map((text) =>
      text === undefined ? undefined : Buffer.from(text, "base64").toString(),
    );
    if (username === undefined || password === undefined) {
      throw new ScrapeError("other", `could not be asked: the Secret ${namespace}/${name} lacks username or password`);
    }
    return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  }
}
