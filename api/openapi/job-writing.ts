import type { Section } from "./operation.ts";

/** The routes of jobs and their files: what writes them, and reading a file (O-45, O-47, O-52, O-53). */
export const JOB_WRITING: Section = { operations: {}, schemas: {} };
