import type { Section } from "./operation.ts";

/** The routes of user management (O-43). */
export const USERS: Section = { operations: {}, schemas: {} };
