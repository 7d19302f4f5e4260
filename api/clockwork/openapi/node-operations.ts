import { type ClockworkOperation, type ClockworkOperations, listOf, oneOrNone, query, TEXT } from "./operation.ts";

const CLUSTER = query("cluster_name", "Name of one cluster.");
const NODE = [
  query("node_name", "Name of a node."),
  query("name", "The same; counts where there is no `node_name`."),
  CLUSTER,
];
const GPU_OF_NODE: ClockworkOperation = {
  summary: "Show the specification of the GPUs of a node; an empty object where it has none, or of several kinds.",
  parameters: NODE,
  reply: oneOrNone("GpuSpec"),
  errors: { 400: ["Missing argument node_name."] },
};

/** The operations on nodes and GPUs (C-26 to C-30). */
export const NODE_OPERATIONS: ClockworkOperations = {
  "get /nodes/list": {
    summary: "List the nodes, of one cluster or of all.",
    parameters: [CLUSTER],
    reply: listOf("Node"),
  },
  "get /nodes/one": {
    summary: "Show one node; an empty object where there is none of that name.",
    parameters: NODE,
    reply: oneOrNone("Node"),
    errors: {
      400: ["Missing argument node_name."],
      500: ["Found N nodes with node_name X. Not sure what to do about these cases."],
    },
  },
  "get /nodes/one/gpu": GPU_OF_NODE,
  "get /node/one": GPU_OF_NODE,
  "get /gpu/one": {
    summary: "Show the specification of a GPU; an empty object for one that is not in the table.",
    parameters: [query("gpu_name", "Name of a GPU, like rtx8000 or v100l.", TEXT, true)],
    reply: oneOrNone("GpuSpec"),
    errors: { 400: ["Missing argument gpu_name."] },
  },
  "get /gpu/list": {
    summary: "List the specifications of all GPUs in the table.",
    reply: listOf("GpuSpec"),
  },
};
