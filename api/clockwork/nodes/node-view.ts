import { asProduct, type GpuModel, gpuModel } from "../gpus/gpu-model.ts";
import { cut } from "../jobs/cut.ts";
import type { NodeWork } from "./bound-pods.ts";
import type { NodeFacts } from "./node-facts.ts";

/** A node as Clockwork shows it (C-77, C-78). */
export interface ClockworkNode {
  slurm: Readonly<Record<string, string | number | null | readonly string[]>> & { name: string; cluster_name: string };
  cw: { gpu: { cw_name: string; name: string; number: number } | Record<string, never>; last_slurm_update: number };
}

/** What a node is shown from, beside itself. */
export interface NodeSurroundings {
  work: NodeWork;
  /** Names of the models that the node's DCGM exporter reports. */
  dcgmModels: readonly string[];
  /** When a job last ended on it, in seconds since 1970. */
  lastBusy: number | undefined;
  /** Name of the cluster where no label names another. */
  cluster: string;
}

/** The node: the same facts give the same bytes. */
export function clockworkNode(
  facts: NodeFacts,
  { work, dcgmModels, lastBusy, cluster }: NodeSurroundings,
): ClockworkNode {
  const { metadata, capacity, allocatable, isUnschedulable, problem } = facts;
  const model = modelOf(facts, dcgmModels);
  const arch = ARCHITECTURES[facts.architecture] ?? facts.architecture;
  const memory = facts.gpu.memoryMiB === undefined ? undefined : gibibytes(facts.gpu.memoryMiB);
  const gres = gresOf(facts, model);
  const tres = tresOf(allocatable.cpus, allocatable.memoryMiB, allocatable.cpus, allocatable.gpus);
  const { milliCpu, gpus } = work;
  const used =
    work.pods === 0 ? null : tresOf(Math.ceil(milliCpu / 1000), Math.ceil(work.memory / MIB), undefined, gpus);
  return {
    slurm: {
      name: metadata.name,
      addr: facts.address,
      arch,
      features: cut([arch, facts.gpu.family, memory && `${memory}gb`].filter(Boolean).join(",")),
      gres: gres?.map(({ name, count }) => gresText(name, count)).join(",") ?? null,
      gres_used: gres?.map(({ name, profile }) => gresText(name, usedOf(work, profile))).join(",") ?? null,
      memory: capacity.memoryMiB,
      cpus: capacity.cpus,
      cores: capacity.cpus,
      state: `${stateOf(facts, work)}${isUnschedulable ? "+DRAIN" : ""}`,
      state_flags: [...(isUnschedulable ? ["DRAIN"] : []), ...(facts.ready === "unknown" ? ["NOT_RESPONDING"] : [])],
      cfg_tres: tres,
      tres,
      alloc_tres: used,
      tres_used: used,
      reason: problem?.message ?? (isUnschedulable ? "cordoned" : null),
      reason_changed_at: problem === undefined ? (isUnschedulable ? facts.cordonedAt : null) : problem.at,
      comment: facts.comment,
      last_busy: lastBusy ?? null,
      cluster_name: facts.cluster ?? cluster,
    },
    cw: { gpu: gpuOf(gres, model), last_slurm_update: facts.changedAt },
  };
}

/** The model of a node's GPUs: as its label says, else the one that its exporter reports (C-68); undefined: unknown. */
export function modelOf({ gpu }: NodeFacts, dcgmModels: readonly string[]): GpuModel | undefined {
  const [reported, ...others] = new Set(dcgmModels);
  const product = gpu.product ?? (reported === undefined || others.length > 0 ? undefined : asProduct(reported));
  if (product === undefined) return undefined;
  return gpuModel(product, gpu.memoryMiB === undefined ? undefined : gibibytes(gpu.memoryMiB));
}

const ARCHITECTURES: Readonly<Record<string, string>> = { amd64: "x86_64", arm64: "aarch64" };
const MIB = 1024 * 1024;

/** GPUs of one kind; of a profile where they are instances of larger ones. */
interface Gres {
  name: string | undefined;
  count: number;
  profile: string | undefined;
}

/** The GPUs of a node; undefined where it has none. */
function gresOf({ capacity, gpu }: NodeFacts, model: GpuModel | undefined): Gres[] | undefined {
  const name = model?.name;
  const [, single] = /-MIG-(.+?)(?:-SHARED)?$/.exec(gpu.product ?? "") ?? [];
  const instance = (profile: string): string | undefined => (name === undefined ? undefined : `${name}_${profile}`);
  const count = gpu.isShared ? (gpu.count ?? capacity.gpus) : capacity.gpus;
  const whole =
    capacity.gpus === 0 ? [] : [{ name: single === undefined ? name : instance(single), count, profile: undefined }];
  const migs = [...capacity.migs].map(([profile, number]) => ({ name: instance(profile), count: number, profile }));
  const all = [...whole, ...migs];
  return all.length === 0 ? undefined : all;
}

function gresText(name: string | undefined, count: number): string {
  return name === undefined ? `gpu:${count}` : `gpu:${name}:${count}`;
}

function usedOf(work: NodeWork, profile: string | undefined): number {
  return profile === undefined ? work.gpus : (work.migs.get(profile) ?? 0);
}

/** Only GPUs of one known model, and whole ones, are told of (C-78). */
function gpuOf(gres: readonly Gres[] | undefined, model: GpuModel | undefined): ClockworkNode["cw"]["gpu"] {
  const [only, ...others] = gres ?? [];
  if (only === undefined || others.length > 0 || model === undefined) return {};
  const [, name, number] = /^gpu:(\w+):(\d+)$/.exec(gresText(only.name, only.count)) ?? [];
  return name === undefined ? {} : { cw_name: model.cwName, name, number: Number(number) };
}

function stateOf({ ready, isReserved, allocatable }: NodeFacts, work: NodeWork): string {
  if (ready === "no") return "DOWN";
  if (ready === "unknown") return "DOWN*";
  if (work.pods === 0) return isReserved ? "RESERVED" : "IDLE";
  const gpus = total(allocatable.migs) + allocatable.gpus;
  const isFull =
    (allocatable.milliCpu > 0 && work.milliCpu >= allocatable.milliCpu) ||
    (gpus > 0 && work.gpus + total(work.migs) >= gpus);
  return isFull ? "ALLOCATED" : "MIXED";
}

function tresOf(cpus: number, memoryMiB: number, billing: number | undefined, gpus: number): string {
  const charged = billing === undefined ? "" : `,billing=${billing}`;
  return `cpu=${cpus},mem=${memoryMiB}M${charged}${gpus === 0 ? "" : `,gres/gpu=${gpus}`}`;
}

function gibibytes(mebibytes: number): number {
  return Math.round(mebibytes / 1024);
}

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
