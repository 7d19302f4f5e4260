import { bodyWith, inPath, type Json, json, listOf, oneOf, ref, SEARCH, type Section } from "./operation.ts";
import { TEXT } from "./schema-parts.ts";

const USERNAME = inPath("username", "Name of the user, exactly.");
const NAME = { ...TEXT, maxLength: 128 };
const PASSWORD = { ...TEXT, format: "password", minLength: 8, description: "8 to 256 bytes." };
/** Where an empty text or null leaves things as they are. */
const optional = ({ type, ...schema }: Json): Json => ({ ...schema, type: [type, "null"] });

const ANN = { username: "ann", firstname: "Ann", lastname: "Other" };
const INSTANCE = "6f6f0bb8-8d3a-4a7b-9a58-0c1f6a6e1f5e";

/** The routes of user management (O-43). The writing examples belong together: they make a user, change and delete it. */
export const USERS: Section = {
  operations: {
    "get /v1/users": {
      summary: "List users, by name.",
      auth: "reads",
      parameters: [SEARCH],
      reply: json(listOf("users", "User")),
      errors: [422],
      examples: [
        {
          summary: "All users whose names hold a text.",
          parameters: { q: "dpr" },
          reply: { users: [{ username: "dpressel" }] },
        },
      ],
    },
    "post /v1/users": {
      summary: "Create a user; needs an administrator.",
      auth: "always",
      body: json(bodyWith("user", "NewUser")),
      reply: json(oneOf("user", "User")),
      errors: [400, 401, 403, 409, 413, 415, 422],
      examples: [
        {
          summary: "A user with both names.",
          body: { user: { ...ANN, password: "ann's password" } },
          reply: { user: ANN },
        },
        {
          summary: "A name that is taken.",
          body: { user: { username: "ann", password: "ann's password" } },
          status: 409,
          reply: {
            type: "urn:odin:error:UserExists",
            title: "The user exists already",
            status: 409,
            detail: 'there is a user "ann" already; PUT changes it',
            instance: INSTANCE,
          },
          varies: ["instance"],
        },
      ],
    },
    "get /v1/users/{username}": {
      summary: "Show a user.",
      auth: "reads",
      parameters: [USERNAME],
      reply: json(oneOf("user", "User")),
      errors: [404],
      examples: [
        { summary: "A user.", parameters: { username: "dpressel" }, reply: { user: { username: "dpressel" } } },
      ],
    },
    "put /v1/users/{username}": {
      summary: "Change a user: oneself, or as an administrator anybody. Another password ends the user's tokens.",
      auth: "always",
      parameters: [USERNAME],
      body: json({ anyOf: [ref("UserChange"), oneOf("user", "UserChange")] }),
      reply: json(oneOf("user", "User")),
      errors: [400, 401, 403, 404, 409, 413, 415, 422],
      examples: [
        {
          summary: "Another last name; what is not given stays.",
          parameters: { username: "ann" },
          body: { lastname: "Else" },
          reply: { user: { ...ANN, lastname: "Else" } },
        },
      ],
    },
    "delete /v1/users/{username}": {
      summary: "Delete a user; needs an administrator. The user's tokens end. The reply is the user as it was.",
      auth: "always",
      parameters: [USERNAME],
      reply: json(oneOf("user", "User")),
      errors: [401, 403, 404, 409],
      examples: [
        {
          summary: "A user who leaves.",
          parameters: { username: "ann" },
          reply: { user: { ...ANN, lastname: "Else" } },
        },
        {
          summary: "The root user.",
          parameters: { username: "dpressel" },
          status: 409,
          reply: {
            type: "urn:odin:error:UserProtected",
            title: "The user cannot be deleted",
            status: 409,
            detail: "the root user belongs to the settings of the server and cannot be deleted",
            instance: INSTANCE,
          },
          varies: ["instance"],
        },
      ],
    },
  },
  schemas: {
    User: {
      type: "object",
      required: ["username"],
      additionalProperties: false,
      properties: { username: TEXT, firstname: NAME, lastname: NAME },
    },
    NewUser: {
      type: "object",
      required: ["username", "password"],
      properties: {
        username: { ...TEXT, pattern: "^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$" },
        password: PASSWORD,
        firstname: optional(NAME),
        lastname: optional(NAME),
      },
    },
    UserChange: {
      type: "object",
      description: "What is absent, null or empty stays as it is.",
      properties: {
        username: optional({ ...TEXT, description: "If given, the one of the path." }),
        password: optional(PASSWORD),
        firstname: optional(NAME),
        lastname: optional(NAME),
      },
    },
  },
};
