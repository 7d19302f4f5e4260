import type { Registry } from "prom-client";
import { startWhenAllowed } from "../../../kube/allowed.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { NODE } from "../../../kube/core-resources.ts";
import { Informer } from "../../../kube/informer.ts";
import type { Logger } from "../../../kube/logger.ts";
import { collectionPath } from "../../../kube/resource.ts";
import type { JobRecords } from "../../../store/job-records.ts";
import { unavailable } from "../clockwork-error.ts";
import type { GpuSpecs } from "../gpus/gpu-specs.ts";
import { byCodePoint } from "../json-text.ts";
import { NO_WORK, type PodOnNode, workByNode } from "./bound-pods.ts";
import { type NodeFacts, projectNodeFacts } from "./node-facts.ts";
import { type ClockworkNode, clockworkNode, modelOf } from "./node-view.ts";

/** How the nodes are made. */
export interface NodesOptions {
  client: KubeClient;
  logger: Logger;
  registry: Registry;
  /** The pods of the watched namespaces. */
  pods: { list(): Iterable<PodOnNode> };
  /** Names of the models that a node's DCGM exporter reports. */
  dcgmModels: (node: string) => readonly string[];
  records: Pick<JobRecords, "lastBusy">;
  specs: Pick<GpuSpecs, "of">;
  /** Name of the cluster where no label names another. */
  cluster: string;
}

/** Models that are told of; an exporter could report another one each time. */
const MOST_TOLD = 1_000;
/** Seconds after which a caller may find the nodes known. */
const RETRY_SECONDS = 2;

/** The nodes of the cluster as Clockwork shows them, kept current by a watch. They are not archived: one that is removed is gone (C-85). */
export class ClockworkNodes {
  readonly #options: NodesOptions;
  readonly #informer: Informer<NodeFacts>;
  readonly #stopping = new AbortController();
  /** Models without specification that were told of. */
  readonly #told = new Set<string>();
  #starting: Promise<void> | undefined;

  constructor(options: NodesOptions) {
    const { client, logger, registry } = options;
    this.#options = options;
    this.#informer = new Informer({ client, resource: NODE, project: projectNodeFacts, logger, registry });
  }

  /** Begins to watch. */
  start(): void {
    const { client } = this.#options;
    const nodes = {
      informer: this.#informer,
      path: collectionPath(NODE),
      // Whoever reads the nodes for the Odin view says so; both parts have the same rights.
      onForbidden: () => undefined,
      onAllowed: () => undefined,
    };
    this.#starting = startWhenAllowed(client, nodes, this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#starting;
    await this.#informer.stop();
  }

  /** The nodes of that name and of that cluster, or of any where none is given; sorted by both. Rejects with a 503 while they are not known. */
  async find({ name, cluster }: { name?: string | undefined; cluster?: string | undefined }): Promise<ClockworkNode[]> {
    const { pods, dcgmModels, records } = this.#options;
    if (!this.#informer.hasSynced) throw unavailable(RETRY_SECONDS);
    const ours = this.#options.cluster;
    const facts = [...this.#informer.list()].filter(
      (node) =>
        (name === undefined || node.metadata.name === name) &&
        (cluster === undefined || (node.cluster ?? ours) === cluster),
    );
    if (facts.length === 0) return [];
    const work = workByNode(pods.list());
    const lastBusy = await records.lastBusy(facts.map(({ metadata }) => metadata.name));
    const nodes = facts.map((node) => {
      const models = dcgmModels(node.metadata.name);
      this.#tellOfUnknown(node, models);
      return clockworkNode(node, {
        work: work.get(node.metadata.name) ?? NO_WORK,
        dcgmModels: models,
        lastBusy: lastBusy.get(node.metadata.name),
        cluster: ours,
      });
    });
    return nodes.sort(
      ({ slurm: a }, { slurm: b }) => byCodePoint(a.name, b.name) || byCodePoint(a.cluster_name, b.cluster_name),
    );
  }

  /** One line for each model that has no specification (C-69). */
  #tellOfUnknown(node: NodeFacts, dcgmModels: readonly string[]): void {
    const model = modelOf(node, dcgmModels);
    const { specs, logger } = this.#options;
    if (model === undefined || this.#told.has(model.cwName) || specs.of(model.cwName) !== undefined) return;
    if (this.#told.size >= MOST_TOLD) return;
    this.#told.add(model.cwName);
    logger.info(
      { node: node.metadata.name, cw_name: model.cwName },
      "the Clockwork API has no specification of a GPU; the file of --clockwork-gpu-specs (CLOCKWORK_GPU_SPECS) can have a row of that cw_name",
    );
  }
}
