import { randomBytes } from "node:crypto";
import type { KubeClient } from "../../../kube/client.ts";
import { NODE, POD } from "../../../kube/core-resources.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { type FleetAddress, fleetNode } from "../../support/exporter-fleet.ts";

const FLEET_WRITERS = 8;

/** What a node of a test is like. */
export interface NodeOptions {
  labels?: Record<string, string>;
  /** Number of GPUs in its capacity. */
  gpus?: number;
  host?: string;
  internalIp?: string;
  capacity?: Record<string, string>;
}

/** What a pod of a test is like. */
export interface PodOptions {
  node: string;
  ip?: string;
  /** Container port called `metrics`. */
  port?: number;
  labels?: Record<string, string>;
  ready?: boolean;
  /** GPUs that it requests. */
  gpus?: number;
}

/** Nodes without a kubelet and pods on them, on the real API server; the test plays the kubelet. */
export class GpuWorld {
  /** Label of its nodes and its exporters, so that files that run side by side do not see each other's. */
  readonly id: string;
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #nodes = new Set<string>();
  readonly #pods = new Set<string>();

  constructor(client: KubeClient, namespace: string, id = GpuWorld.newId()) {
    this.#client = client;
    this.#namespace = namespace;
    this.id = id;
  }

  static newId(): string {
    return `gpu-${randomBytes(4).toString("hex")}`;
  }

  /** Settings with which a server sees the world with that id and no other. */
  static settings(id: string): Record<string, string> {
    return { ODIN_NODE_SELECTOR: `odin-test=${id}`, ODIN_DCGM_SELECTORS: `exporter=${id}` };
  }

  /** Name of a node of this world. */
  name(short: string): string {
    return `${short}-${this.id}`;
  }

  /** Creates a node; `short` becomes a part of its name. */
  async createNode(short: string, options: NodeOptions = {}): Promise<string> {
    const name = this.name(short);
    await this.#client.create(collectionPath(NODE), {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: { ...options.labels, "odin-test": this.id } },
    });
    this.#nodes.add(name);
    const gpus = options.gpus === undefined ? {} : { "nvidia.com/gpu": String(options.gpus) };
    await this.#client.patch(objectPath(NODE, undefined, name, "status"), "merge", {
      status: {
        capacity: { cpu: "12", memory: "32779324Ki", pods: "110", ...gpus, ...options.capacity },
        addresses: [
          { type: "Hostname", address: options.host ?? short },
          { type: "InternalIP", address: options.internalIp ?? "192.168.7.57" },
        ],
      },
    });
    return name;
  }

  async deleteNode(name: string): Promise<void> {
    this.#nodes.delete(name);
    await this.#client.delete(objectPath(NODE, undefined, name));
  }

  /** Creates the pod of an exporter that is Ready unless said otherwise. */
  createExporter(name: string, options: PodOptions): Promise<void> {
    return this.createPod(name, { ...options, labels: { exporter: this.id, ...options.labels } });
  }

  /** Creates a node for each exporter of a fleet, with its address and that many GPUs, and the exporter's pod on it. Returns the nodes' names. */
  async createFleet(addresses: readonly FleetAddress[], gpus: number): Promise<string[]> {
    const names: string[] = [];
    const left = [...addresses.entries()];
    const work = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const [exporter, { host, port }] = next;
        const node = await this.createNode(fleetNode(exporter), { gpus, internalIp: host });
        names[exporter] = node;
        await this.createExporter(`exporter-${exporter}`, { node, ip: host, port });
      }
    };
    await Promise.all(Array.from({ length: FLEET_WRITERS }, work));
    return names;
  }

  /** Creates a pod on a node and plays its kubelet. */
  async createPod(name: string, { node, ip, port, labels = {}, ready = true, gpus }: PodOptions): Promise<void> {
    await this.#client.create(collectionPath(POD, this.#namespace), {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels },
      spec: {
        nodeName: node,
        terminationGracePeriodSeconds: 0,
        // Its node never reports: after minutes it would be evicted.
        tolerations: [{ operator: "Exists" }],
        containers: [
          {
            name: "main",
            image: "image:1",
            ...(port === undefined ? {} : { ports: [{ name: "metrics", containerPort: port }] }),
            ...(gpus === undefined ? {} : { resources: { limits: { "nvidia.com/gpu": String(gpus) } } }),
          },
        ],
      },
    });
    this.#pods.add(name);
    await this.setPod(name, { ...(ip === undefined ? {} : { ip }), ready });
  }

  /** Changes what the kubelet says of a pod. */
  async setPod(name: string, { ip, ready }: { ip?: string; ready: boolean }): Promise<void> {
    const address = ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] };
    await this.#client.patch(objectPath(POD, this.#namespace, name, "status"), "merge", {
      status: {
        phase: "Running",
        conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
        ...address,
      },
    });
  }

  /** Deletes a pod; one of a node that is gone may be gone as well, as those are collected. */
  async deletePod(name: string): Promise<void> {
    this.#pods.delete(name);
    const path = objectPath(POD, this.#namespace, name);
    await this.#client.delete(path, { gracePeriodSeconds: 0 }).catch((error: unknown) => {
      if (!isKubeError(error, "notFound")) throw error;
    });
  }

  async pod(name: string): Promise<KubeObject> {
    return await this.#client.get<KubeObject>(objectPath(POD, this.#namespace, name));
  }

  /** Removes its nodes and pods. */
  async close(): Promise<void> {
    const gone = (error: unknown): void => {
      if (!isKubeError(error, "notFound")) throw error;
    };
    for (const name of [...this.#pods]) await this.deletePod(name);
    for (const name of [...this.#nodes]) await this.deleteNode(name).catch(gone);
  }
}
