import { ClockworkError, unauthorized, unavailable } from "../clockwork-error.ts";
import { reply } from "../reply.ts";
import type { ClockworkRoute } from "../route.ts";
import { KeyProblem, type KeyStore } from "./key-store.ts";

/** What the routes of API keys rest on. */
export interface KeyParts {
  keys: KeyStore;
}

/** The routes by which a user makes, lists and revokes his API keys, with a credential of the Odin view (C-15). */
export function keyRoutes({ keys }: KeyParts): ClockworkRoute[] {
  return [
    {
      method: "GET",
      path: "/keys",
      credential: "odin",
      handle: async (ctx, { username }) => {
        const found = await asClockwork(keys.list(username));
        reply(
          ctx,
          found.map(({ id, created }) => ({ id, created })),
        );
      },
    },
    {
      method: "POST",
      path: "/keys",
      credential: "odin",
      handle: async (ctx, { username }) => {
        const { id, created, key, email } = await asClockwork(keys.create(username));
        reply(ctx, { id, created, clockwork_api_key: key, mila_email_username: email });
      },
    },
    {
      method: "DELETE",
      path: "/keys/:id",
      credential: "odin",
      handle: async (ctx, { username }) => {
        await asClockwork(keys.revoke(username, ctx.params.id ?? ""));
        reply(ctx, "");
      },
    },
  ];
}

async function asClockwork<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof KeyProblem ? answerOf(error) : error;
  }
}

function answerOf(problem: KeyProblem): ClockworkError {
  switch (problem.kind) {
    case "userUnknown":
      // Removed between the check of his credential and this.
      return unauthorized();
    case "keyUnknown":
      return new ClockworkError(404, "Not found.");
    case "tooMany":
      return new ClockworkError(400, problem.message);
    case "busy":
      return unavailable(1, problem);
  }
}
