import { json, ref, type Section } from "./operation.ts";
import { TEXT } from "./schema-parts.ts";

/** The routes of the state of the server and of its jobs repository (O-41). */
export const APP: Section = {
  operations: {
    "get /v1/app": {
      summary: "Show the state of the jobs repository and of the operator.",
      auth: "never",
      reply: json(ref("App")),
      errors: [],
      examples: [
        {
          summary: "A server whose operator works.",
          reply: {
            pipelines_root: "/data/pipelines",
            pipelines_version: "0123456789abcdef0123456789abcdef01234567",
            pipelines_repo_dirty: false,
            ws_server_status: "responsive (2026-01-02T03:04:05)",
          },
          varies: ["pipelines_version", "ws_server_status"],
        },
      ],
    },
  },
  schemas: {
    App: {
      type: "object",
      required: ["pipelines_root", "pipelines_version", "pipelines_repo_dirty", "ws_server_status"],
      additionalProperties: false,
      properties: {
        pipelines_root: { ...TEXT, description: "Where tasks see the jobs." },
        pipelines_version: {
          ...TEXT,
          pattern: "^[0-9a-f]{40}$",
          description: "Commit of the remote branch, else HEAD.",
        },
        pipelines_repo_dirty: { type: "boolean", description: "Whether a tracked file was edited and not committed." },
        pipelines_repo_error: { ...TEXT, description: "Why the last sync with the git remote failed." },
        ws_server_status: {
          ...TEXT,
          pattern: "^(unresponsive|responsive \\(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\))$",
          description: "Whether the operator works, and when it last said so.",
        },
      },
    },
  },
};
