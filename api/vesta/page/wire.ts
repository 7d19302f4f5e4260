import { type Host, isBad, type Payload } from "../hosts/host.ts";
import { type FormatTime, NO_ENTRY } from "../timestamp.ts";
import type { WireHost } from "./templates/view.ts";

const NO_GPUS: Payload = {};

/** A host as the page is told of it (V-52): its latest payload; of a bad one no GPUs, and when it was last heard of (V-39). */
export function wireHost(host: Host, formatTime: FormatTime): WireHost {
  const bad = isBad(host.status);
  const time = bad ? host.lastContactMs : host.payloadMs;
  return {
    data: [
      {
        gpu_data: bad ? NO_GPUS : (host.payload ?? NO_GPUS),
        timestamp: time === null ? NO_ENTRY : formatTime(time),
      },
    ],
    ip_address: host.ipAddress,
    status: host.status,
  };
}
