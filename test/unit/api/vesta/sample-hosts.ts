import type { GpuData, Host, Payload } from "../../../../api/vesta/hosts/host.ts";

/** A GPU of a host; what is not said is 0, empty or usual. */
export function gpu(more: Partial<GpuData> = {}): GpuData {
  return {
    device_num: 0,
    uuid: "GPU-0",
    gpu_name: "NVIDIA H100 80GB HBM3",
    timestamp: "2026/11/20 23:39:31.204",
    temperature: 0,
    total_memory: 0,
    available_memory: 0,
    used_memory: 0,
    gpu_volatile: 0,
    processes: [],
    ...more,
  };
}

/** A host that runs, without anything ever received, unless more is said. */
export function host(name: string, more: Partial<Host> = {}): Host {
  return {
    ...{ id: `id-of-${name}`, name, ipAddress: "10.0.0.11", source: "node", status: "running", arrival: 1 },
    ...{ hadContact: true, lastContactMs: null, payload: null, payloadMs: null },
    ...more,
  };
}

/** GPUs under the keys of their device numbers. */
export function payload(...gpus: GpuData[]): Payload {
  return Object.fromEntries(gpus.map((one) => [`gpu:${one.device_num}`, one]));
}

const at = (second: number): number => Date.UTC(2026, 10, 20, 23, 39, second);

/** A node with two GPUs, a node with a part of one, and a machine that is down. */
export const SAMPLE: readonly Host[] = [
  host("gpu-node-1", {
    payloadMs: at(32),
    lastContactMs: at(32),
    payload: payload(
      gpu({
        ...{ used_memory: 68_601, total_memory: 81_559, available_memory: 12_958, gpu_volatile: 97, temperature: 61 },
        processes: [{ pid: "N/A", name: "resnet-0/train", user: "default", used_memory: 68_601 }],
      }),
      gpu({ device_num: 1, uuid: "GPU-1", total_memory: 81_559, available_memory: 81_559, temperature: 29 }),
    ),
  }),
  host("mig-node-1.rack-7.example", {
    ...{ ipAddress: "10.0.0.12", arrival: 2, payloadMs: at(32), lastContactMs: at(32) },
    payload: payload(
      gpu({
        ...{ uuid: "GPU-2/1", gpu_name: "NVIDIA A100-SXM4-80GB MIG 3g.40gb", gpu_volatile: 64, temperature: 47 },
        ...{ used_memory: 16_026, total_memory: 40_128, available_memory: 24_102 },
        processes: [
          { pid: "N/A", name: "model-server-7c9d8f/inference-server", user: "serving", used_memory: 16_026 },
          { pid: "N/A", name: "x/y", user: "serving", used_memory: 0 },
        ],
      }),
    ),
  }),
  host("mau_local_lab", {
    ...{ ipAddress: "127.0.0.1", source: "sender", status: "down", arrival: 3 },
    ...{ payloadMs: at(38), lastContactMs: at(38), payload: payload(gpu({ used_memory: 1 })) },
  }),
];
