import type { Json } from "./operation.ts";
import { TEXT } from "./schema-parts.ts";

/** The schema of every error (O-3). It refuses a `message`, which old clients would take for their token. */
export const PROBLEM_SCHEMAS: Readonly<Record<string, Json>> = {
  Problem: {
    type: "object",
    required: ["type", "title", "status", "detail"],
    additionalProperties: false,
    properties: {
      type: { type: "string", pattern: "^urn:odin:error:" },
      title: TEXT,
      status: { type: "integer" },
      detail: TEXT,
      instance: { ...TEXT, description: "Id of the request." },
      errors: {
        type: "array",
        items: {
          type: "object",
          required: ["path", "detail"],
          additionalProperties: false,
          properties: { path: TEXT, detail: TEXT },
        },
      },
    },
  },
};
