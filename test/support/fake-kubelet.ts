import { createPrivateKey, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import { collectionPath, objectPath } from "../../kube/resource.ts";
import { createAuthority, createCertificate } from "../../local/x509.ts";

const NODE = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false } as const;
const POD = { group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true } as const;

/** What the node has of a container. */
interface Container {
  text: string;
  ended: boolean;
  /** HTTP status that is answered instead of the log. */
  refusal?: { status: number; text: string };
  /** The node accepts the request and says nothing. */
  silent: boolean;
  followers: Set<ServerResponse>;
}

/**
 * A node whose kubelet serves nothing but logs: the API server asks it as it asks a real one, so that a test decides what a node says, how slowly,
 * and when it says nothing more. Pods get to it by `bind`.
 */
export class FakeKubelet {
  readonly node: string;
  /** Requests for logs, as `pod?query`. */
  readonly asked: string[] = [];
  readonly #client: KubeClient;
  readonly #server: Server;
  readonly #containers = new Map<string, Container>();

  private constructor(client: KubeClient) {
    this.node = `fake-${randomBytes(4).toString("hex")}`;
    this.#client = client;
    const authority = createAuthority("fake kubelet");
    const { certificate, key } = createCertificate(authority, createPrivateKey(authority.key), {
      commonName: this.node,
      usages: ["serverAuth"],
      addresses: ["127.0.0.1"],
    });
    this.#server = createServer({ cert: certificate, key }, (request, response) => this.#answer(request, response));
  }

  /** Starts the server and makes the node. */
  static async start(client: KubeClient): Promise<FakeKubelet> {
    const kubelet = new FakeKubelet(client);
    await new Promise<void>((resolve) => kubelet.#server.listen(0, "127.0.0.1", resolve));
    const { port: Port } = kubelet.#server.address() as AddressInfo;
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: kubelet.node } };
    await client.create(collectionPath(NODE, undefined), node);
    const status = {
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
      daemonEndpoints: { kubeletEndpoint: { Port } },
    };
    await client.patch(objectPath(NODE, undefined, kubelet.node, "status"), "strategic", { status });
    return kubelet;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    try {
      await this.#client.delete(objectPath(NODE, undefined, this.node));
    } catch (error) {
      if (!isKubeError(error, "notFound")) throw error;
    }
  }

  /** Puts a pod on the node, as a scheduler does. */
  async bind(namespace: string, pod: string): Promise<void> {
    await this.#client.create(`${objectPath(POD, namespace, pod)}/binding`, {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: pod },
      target: { apiVersion: "v1", kind: "Node", name: this.node },
    });
  }

  /** What a container has written up to now; more of it goes to those who follow. */
  write(pod: string, text: string): void {
    const container = this.#of(pod);
    container.text += text;
    for (const follower of container.followers) follower.write(text);
  }

  /** The container has ended: followers come to the end. */
  end(pod: string): void {
    const container = this.#of(pod);
    container.ended = true;
    for (const follower of container.followers) follower.end();
    container.followers.clear();
  }

  refuse(pod: string, refusal: { status: number; text: string } | undefined): void {
    const container = this.#of(pod);
    if (refusal === undefined) delete container.refusal;
    else container.refusal = refusal;
  }

  /** Whether requests for the pod's log are left without an answer. */
  silence(pod: string, silent: boolean): void {
    this.#of(pod).silent = silent;
  }

  /** How often a pod's log was asked for. */
  askedFor(pod: string): number {
    return this.asked.filter((one) => one.startsWith(`${pod}?`)).length;
  }

  #of(pod: string): Container {
    let container = this.#containers.get(pod);
    if (container === undefined) {
      container = { text: "", ended: false, silent: false, followers: new Set() };
      this.#containers.set(pod, container);
    }
    return container;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "", "https://node");
    const [, what, , pod = ""] = url.pathname.split("/");
    if (what !== "containerLogs") {
      response.writeHead(404).end();
      return;
    }
    this.asked.push(`${pod}?${url.searchParams}`);
    const container = this.#of(pod);
    if (container.silent) return;
    if (container.refusal !== undefined) {
      response.writeHead(container.refusal.status).end(container.refusal.text);
      return;
    }
    response.writeHead(200, { "content-type": "text/plain" });
    response.write(lastLines(container.text, url.searchParams.get("tailLines")));
    if (url.searchParams.get("follow") !== "true" || container.ended) response.end();
    else container.followers.add(response);
  }
}

function lastLines(text: string, lines: string | null): string {
  if (lines === null) return text;
  const all = text.split("\n");
  return all.slice(Math.max(0, all.length - 1 - Number(lines))).join("\n");
}
