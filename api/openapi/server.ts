import { json, type Section } from "./operation.ts";

/** The routes about the server itself (O-40, O-58). */
export const SERVER: Section = {
  operations: {
    "get /v1/ping": {
      summary: "Say that the server is there.",
      auth: "never",
      reply: json({ const: "pong" }),
      errors: [],
      examples: [{ summary: "The server is there.", reply: "pong" }],
    },
    "get /v1/openapi.json": {
      summary: "Show this document.",
      auth: "never",
      reply: json({ type: "object", required: ["openapi", "info", "paths"] }),
      errors: [],
      examples: [
        {
          summary: "The document, here without what it describes.",
          reply: { openapi: "3.1.0", info: {}, tags: [], paths: {}, components: {} },
          varies: ["info", "tags", "paths", "components"],
        },
      ],
    },
  },
  schemas: {},
};
