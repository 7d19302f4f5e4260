import { type Json, json, listOf, ref, type Section } from "./operation.ts";
import { TEXT } from "./schema-parts.ts";

/** A number, or the text that stands for one that is not known (O-232). */
const NUMBER = { oneOf: [{ type: "number" }, { const: "N/A" }] } as const;
const number = { type: "number" } as const;

/** An object with exactly these keys. */
function exactly(properties: Record<string, Json>): Json {
  return { type: "object", required: Object.keys(properties), additionalProperties: false, properties };
}

const GPU = exactly({
  id: { ...TEXT, description: "Address on the PCI bus, with a domain of four digits.", pattern: ":" },
  pci: exactly({ pciBusId: TEXT }),
  uuid: { ...TEXT, description: "UUID; of an instance of a divided GPU, that of the GPU, a slash and its number." },
  productName: TEXT,
  productBrand: TEXT,
  serial: TEXT,
  minorNumber: TEXT,
  performanceState: { ...TEXT, pattern: "^(P\\d+|N/A)$" },
  computeMode: TEXT,
  fbMemoryUsage: exactly({ total: NUMBER, used: NUMBER, free: NUMBER, unit: { const: "MiB" } }),
  utilization: exactly({ gpuUtil: NUMBER, memoryUtil: NUMBER, unit: { const: "%" } }),
  eccMode: exactly({ currentEcc: TEXT, pendingEcc: TEXT }),
  temperature: exactly({
    gpuTemp: NUMBER,
    gpuTempMaxThreshold: NUMBER,
    gpuTempSlowThreshold: NUMBER,
    unit: { const: "C" },
  }),
  powerReadings: exactly({
    powerManagement: TEXT,
    powerDraw: { ...number, description: "0 where it is not known." },
    powerLimit: { ...number, description: "0 where it is not known." },
    defaultPowerLimit: NUMBER,
    minPowerLimit: NUMBER,
    maxPowerLimit: NUMBER,
    powerState: TEXT,
    unit: { const: "W" },
  }),
  clocks: exactly({ memClock: NUMBER, unit: { const: "MHz" } }),
  applicationsClocks: exactly({ memClock: NUMBER, unit: { const: "MHz" } }),
  maxClocks: exactly({ smClock: NUMBER, unit: { const: "MHz" } }),
  processes: {
    type: "array",
    description: "The pods that hold it; one entry called unknown where it is in use and nobody knows by whom.",
    items: exactly({ process_name: TEXT, pid: { const: "N/A" }, used_memory: { type: "integer" } }),
  },
});

/** The routes of the cluster's nodes and their GPUs (O-57). */
export const NODES: Section = {
  operations: {
    "get /v1/nodes": {
      summary: "List the nodes of the cluster with their capacity and their GPUs, as last read in the background.",
      auth: "reads",
      reply: json(listOf("nodes", "Node")),
      errors: [],
      examples: [
        {
          summary: "A node with one GPU, which a task uses.",
          reply: {
            nodes: [
              {
                cpu: "12",
                "ephemeral-storage": "959863856Ki",
                "hugepages-1Gi": "0",
                "hugepages-2Mi": "0",
                memory: "32779324Ki",
                "nvidia.com/gpu": "1",
                pods: "110",
                host: "dpressel",
                internalIP: "192.168.7.57",
                gpus: [
                  {
                    id: "0000:01:00.0",
                    pci: { pciBusId: "0000:01:00.0" },
                    uuid: "GPU-1b9a3804-64b6-3c05-cbb2-757cc8907437",
                    productName: "GeForce RTX 2080 with Max-Q Design",
                    productBrand: "GeForce",
                    serial: "N/A",
                    minorNumber: "0",
                    performanceState: "P2",
                    computeMode: "Default",
                    fbMemoryUsage: { total: 7952, used: 6144, free: 1808, unit: "MiB" },
                    utilization: { gpuUtil: 93, memoryUtil: 41, unit: "%" },
                    eccMode: { currentEcc: "N/A", pendingEcc: "N/A" },
                    temperature: { gpuTemp: 71, gpuTempMaxThreshold: 99, gpuTempSlowThreshold: 94, unit: "C" },
                    powerReadings: {
                      powerManagement: "N/A",
                      powerDraw: 78.73,
                      powerLimit: 0,
                      defaultPowerLimit: "N/A",
                      minPowerLimit: "N/A",
                      maxPowerLimit: "N/A",
                      powerState: "P2",
                      unit: "W",
                    },
                    clocks: { memClock: 6001, unit: "MHz" },
                    applicationsClocks: { memClock: "N/A", unit: "MHz" },
                    maxClocks: { smClock: 2100, unit: "MHz" },
                    processes: [{ process_name: "odin/sst2-4k2m9xq1j--sst2", pid: "N/A", used_memory: 6144 }],
                  },
                ],
              },
            ],
          },
        },
      ],
    },
  },
  schemas: {
    Node: {
      type: "object",
      required: ["host", "internalIP", "gpus"],
      properties: {
        host: TEXT,
        internalIP: TEXT,
        gpus: { type: "array", items: ref("Gpu") },
        gpuError: {
          ...TEXT,
          description:
            "Why the exporter of the node's GPUs could not be read the last time; older readings may be shown.",
        },
      },
      additionalProperties: { ...TEXT, description: "What the node has of a resource, as Kubernetes writes it." },
    },
    Gpu: GPU,
  },
};
