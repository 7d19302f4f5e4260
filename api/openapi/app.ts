import type { Section } from "./operation.ts";

/** The routes of the state of the server and of its jobs repository (O-41). */
export const APP: Section = { operations: {}, schemas: {} };
