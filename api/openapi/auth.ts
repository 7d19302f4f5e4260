import { json, ref, type Section } from "./operation.ts";
import { TEXT } from "./schema-parts.ts";

const FORM = "application/x-www-form-urlencoded";

/** The login (O-42). */
export const AUTH: Section = {
  operations: {
    "post /v1/auth": {
      summary: "Log in.",
      auth: "never",
      body: { ...json(ref("Login")), [FORM]: { schema: ref("Login") } },
      reply: json(ref("Token")),
      errors: [400, 401, 413, 415, 422, 429],
      examples: [
        {
          summary: "A login as JSON.",
          body: { username: "dpressel", password: "dpressel's password" },
          reply: { message: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkcHJlc3NlbCJ9.c2lnbmF0dXJl" },
          varies: ["message"],
        },
        {
          summary: "A login as a form.",
          body: { username: "dpressel", password: "dpressel's password" },
          bodyType: FORM,
          reply: { message: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkcHJlc3NlbCJ9.c2lnbmF0dXJl" },
          varies: ["message"],
        },
        {
          summary: "A wrong password.",
          body: { username: "dpressel", password: "guess" },
          status: 401,
          reply: {
            type: "urn:odin:error:LoginFailed",
            title: "The login failed",
            status: 401,
            detail: "user name or password is wrong",
            instance: "6f6f0bb8-8d3a-4a7b-9a58-0c1f6a6e1f5e",
          },
          varies: ["instance"],
        },
      ],
    },
  },
  schemas: {
    Login: { type: "object", required: ["username", "password"], properties: { username: TEXT, password: TEXT } },
    Token: {
      type: "object",
      required: ["message"],
      additionalProperties: false,
      properties: { message: { ...TEXT, pattern: "^[\\w-]+\\.[\\w-]+\\.[\\w-]+$" } },
    },
  },
};
