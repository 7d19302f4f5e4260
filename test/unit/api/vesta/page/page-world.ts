import type { GpuData, GpuProcess, Host } from "../../../../../api/vesta/hosts/host.ts";
import { gpu, host, type PageStage, payload, THEN_MS } from "./page-stage.ts";

/** A machine of many, with figures that depend on its number and the time. */
export function numberedHost(number: number, tick = 0, gpus = 8): Host {
  const name = `gpu-node-${String(number).padStart(3, "0")}.rack-${Math.floor(number / 16)}`;
  const all = Array.from({ length: gpus }, (_, device) => {
    const wave = (speed: number) => 0.5 + 0.5 * Math.sin((tick + number * 7 + device * 13) / speed);
    return gpu(device, {
      gpu_volatile: Math.round(100 * wave(9)),
      used_memory: Math.round(81_559 * wave(23)),
      temperature: Math.round(30 + 50 * wave(31)),
      power_usage: Math.round(80 + 600 * wave(9)),
    });
  });
  const ipAddress = `10.0.${Math.floor(number / 250)}.${(number % 250) + 1}`;
  const at = THEN_MS + tick * 1000;
  return host(name, { ipAddress, payload: payload(...all), payloadMs: at, lastContactMs: at, arrival: number });
}

/** What pages of a small cluster look like: a node with four GPUs, one with instances, a machine outside that is down, a node that was never heard of. */
export function showSmallCluster(stage: PageStage, endMs = THEN_MS): void {
  const process = (name: string, user: string, used_memory: number): GpuProcess => ({
    pid: "N/A",
    name,
    user,
    used_memory,
  });
  const four = [
    gpu(0, { processes: [process("sst2-4k2m-train-0/main", "ml-team", 68_601)], power_usage: 612 }),
    gpu(1, {
      processes: [process("sst2-4k2m-train-1/main", "ml-team", 66_120)],
      used_memory: 66_120,
      gpu_volatile: 94,
      temperature: 58,
      power_usage: 590,
    }),
    gpu(2, {
      processes: [process("notebook-0/jupyter", "research", 1_204), process("eval-9/main", "research", 20_480)],
      used_memory: 21_900,
      gpu_volatile: 0,
      temperature: 36,
      power_usage: 88,
    }),
    gpu(3, { used_memory: 0, gpu_volatile: 0, temperature: 29, power_usage: 71 }),
  ];
  const instance = (device: number, profile: string, used: number, total: number, volatile: number): GpuData =>
    gpu(device, {
      gpu_name: `NVIDIA A100-SXM4-80GB MIG ${profile}`,
      uuid: `GPU-1/${device + 1}`,
      used_memory: used,
      total_memory: total,
      gpu_volatile: volatile,
      temperature: 47,
      power_usage: 244,
      processes: used < 100 ? [] : [process(`serve-${device}/inference-server`, "serving", used)],
    });
  const mig = [
    instance(0, "3g.40gb", 16_026, 40_128, 64),
    instance(1, "2g.20gb", 9_100, 19_968, 31),
    instance(2, "1g.10gb", 14, 9_728, 0),
  ];
  stage.hosts.put(
    host("gpu-node-1", { payload: payload(...four), payloadMs: endMs, lastContactMs: endMs }),
    host("mig-node-1.rack-7.example", { ipAddress: "10.0.0.12", payload: payload(...mig), payloadMs: endMs }),
    host("mau_local_lab", {
      ipAddress: "192.0.2.7",
      source: "sender",
      status: "down",
      lastContactMs: endMs - 3_600_000,
    }),
    host("gpu-node-2", {
      ...{ ipAddress: "10.0.0.13", status: "waiting for re-uplink", payload: null, payloadMs: null },
      ...{ hadContact: false, lastContactMs: null },
    }),
  );
  stage.holdings.set("gpu-node-1", {
    "gpu:0": { tasks: [{ run: "sst2-4k2m9xq1j", task: "train" }] },
    "gpu:1": { tasks: [{ run: "sst2-4k2m9xq1j", task: "train" }] },
    "gpu:2": { tasks: [{ run: "sst2-8dj2k4l0a", task: "evaluate" }], idleMinutes: 24 },
  });
  const past = Array.from({ length: 360 }, (_, minute) => {
    const wave = (speed: number, shift = 0) => 0.5 + 0.5 * Math.sin((minute + shift) / speed);
    const then = four.map((one, at) => {
      const busy = one.gpu_volatile > 0 && minute > 60 + 30 * at;
      return {
        ...one,
        gpu_volatile: busy ? Math.round(86 + 12 * wave(2.3, at)) : 0,
        used_memory: busy ? one.used_memory : Math.round(900 * wave(40, at)),
        temperature: Math.round(29 + (busy ? 25 + 8 * wave(13, at) : 4 * wave(30, at))),
        power_usage: Math.round(busy ? 540 + 80 * wave(2.3, at) : 70 + 6 * wave(9, at)),
      };
    });
    return { timeMs: endMs - (360 - minute) * 60_000, data: payload(...then) };
  });
  stage.hosts.rows.set("gpu-node-1", past);
  stage.hosts.rows.set("mig-node-1.rack-7.example", [{ timeMs: endMs, data: payload(...mig) }]);
}

/** Machines whose texts are as long as they may be, cannot be broken into lines, or would like to be HTML. */
export function showHostileMachines(stage: PageStage): void {
  const mark = `<img src=x onerror="alert(1)">`;
  const long = "w".repeat(256);
  const processes = [
    { pid: "1", name: long, user: long, used_memory: 60_000 },
    ...Array.from({ length: 12 }, (_, index) => ({
      pid: "1",
      name: `${mark}${index}`,
      user: "\u05d0\u05d1",
      used_memory: 600,
    })),
  ];
  const gpus = [
    gpu(0, { gpu_name: long, processes }),
    gpu(1, { gpu_name: mark, temperature: 99_999_999, gpu_volatile: -5 }),
  ];
  stage.hosts.put(
    host("m".repeat(128), {
      source: "sender",
      payload: payload(...gpus),
      ipAddress: "2001:db8:1111:2222:3333:4444:5555:6666",
    }),
    host(`${mark}_${"x".repeat(96)}`, { source: "sender", status: "down" }),
    host("many", { payload: payload(...Array.from({ length: 16 }, (_, device) => gpu(device))) }),
  );
  const minutes = [0, 1, 2].map((minute) => ({ timeMs: THEN_MS - minute * 60_000, data: payload(...gpus) }));
  stage.hosts.rows.set("m".repeat(128), minutes.reverse());
  stage.holdings.set("many", {
    "gpu:0": {
      tasks: Array.from({ length: 4 }, (_, index) => ({ run: `${"r".repeat(50)}${index}`, task: "t".repeat(40) })),
    },
  });
}
