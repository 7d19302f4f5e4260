import type { KubeClient } from "../../kube/client.ts";
import { keyOf } from "../../kube/resource.ts";
import { BasicCredential } from "./basic-credential.ts";
import { type ExporterAccess, openDirectly } from "./direct.ts";
import { canBeAsked, type ExporterPod } from "./exporter-pod.ts";
import type { GpuSettings } from "./gpu-settings.ts";
import type { Target } from "./scraper.ts";
import { openThroughApiServer } from "./through-api-server.ts";

/** Makes targets of exporters' pods and of the list in the settings (G-30). */
export class Targets {
  readonly #client: KubeClient;
  readonly #settings: GpuSettings;
  readonly #access: ExporterAccess;

  constructor(client: KubeClient, settings: GpuSettings) {
    const { ca, serverName, authSecret } = settings;
    this.#client = client;
    this.#settings = settings;
    this.#access = {
      ...(ca === undefined ? {} : { ca }),
      ...(serverName === undefined ? {} : { serverName }),
      ...(authSecret === undefined ? {} : { authorization: new BasicCredential(client, authSecret) }),
    };
  }

  /** The exporters that can be asked now; a pod that is given twice is one. */
  of(pods: Iterable<ExporterPod>): Target[] {
    const distinct = new Map([...pods].filter(canBeAsked).map((pod) => [pod.metadata.uid, pod]));
    const fixed = this.#settings.targets.map(({ node, url }) => ({
      key: `${node} ${url.href}`,
      node,
      name: `${url.host}${url.pathname}`,
      open: openDirectly(url, this.#access),
    }));
    return [...[...distinct.values()].map((pod) => this.#ofPod(pod)), ...fixed];
  }

  #ofPod({ metadata, node, ip, port }: ExporterPod): Target {
    const { namespace = "", name, uid } = metadata;
    const { scheme, via } = this.#settings;
    const host = ip.includes(":") ? `[${ip}]` : ip;
    return {
      key: `${uid} ${ip} ${port}`,
      node,
      name: keyOf({ namespace, name }),
      open:
        via === "apiserver"
          ? openThroughApiServer(this.#client, { namespace, pod: name, scheme, port })
          : openDirectly(new URL(`${scheme}://${host}:${port}/metrics`), this.#accessIn(namespace)),
    };
  }

  /** The password is for exporters that live beside it: whoever may label a pod can pose as one. */
  #accessIn(namespace: string): ExporterAccess {
    const { authorization, ...others } = this.#access;
    const trusted = authorization !== undefined && namespace === this.#settings.authSecret?.namespace;
    return trusted ? { ...others, authorization } : others;
  }
}
