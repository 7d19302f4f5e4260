import type { Section } from "./operation.ts";

/** The routes of the cluster's nodes and their GPUs (O-57). */
export const NODES: Section = { operations: {}, schemas: {} };
