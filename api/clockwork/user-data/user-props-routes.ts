import type { Context } from "koa";
import type { PropsKey, UserData } from "../../../store/user-data.ts";
import { bodyOf } from "../body.ts";
import type { Caller } from "../caller.ts";
import { ClockworkError } from "../clockwork-error.ts";
import { JsonText } from "../json-text.ts";
import { queryOf, text } from "../query.ts";
import { reply } from "../reply.ts";
import type { ClockworkRoute } from "../route.ts";
import { pythonTypeOf, shownValue } from "./json-type.ts";
import { nameIn, requiredName } from "./name-fields.ts";
import { tooHuge } from "./too-huge.ts";

const CHARACTERS_OF_MIB = 1024 * 1024;

/** What the routes rest on. */
export interface UserPropsParts {
  data: Pick<UserData, "props" | "setProps" | "deleteProps">;
  /** Most MiB that all notes of one user take up (C-58). */
  quotaMib: number;
}

/** The routes of a caller's own notes on jobs (C-23 to C-25): any caller, any job, also one that is not there (C-50). */
export function userPropsRoutes({ data, quotaMib }: UserPropsParts): ClockworkRoute[] {
  return [
    {
      method: "GET",
      path: "/jobs/user_props/get",
      handle: async (ctx, caller) => {
        const query = queryOf(ctx);
        const key = keyOf(caller, (field) => text(query, field));
        reply(ctx, new JsonText(await data.props(key)));
      },
    },
    {
      method: "PUT",
      path: "/jobs/user_props/set",
      body: { kind: "json", names: ["job_id", "cluster_name", "updates"] },
      handle: async (ctx, caller) => {
        const members = membersIn(ctx);
        const key = keyOf(caller, (field) => nameIn(members, field));
        const changed = await data.setProps(key, updatesIn(members), quotaMib * CHARACTERS_OF_MIB);
        if (changed.kind === "tooLarge") throw tooHuge("job-user props", changed);
        if (changed.kind === "overQuota") {
          throw new ClockworkError(500, `Failed to set user props: quota of ${quotaMib} Mbytes reached.`);
        }
        reply(ctx, new JsonText(changed.object));
      },
    },
    {
      method: "PUT",
      path: "/jobs/user_props/delete",
      body: { kind: "json", names: ["job_id", "cluster_name", "keys"] },
      handle: async (ctx, caller) => {
        const members = membersIn(ctx);
        const key = keyOf(caller, (field) => nameIn(members, field));
        await data.deleteProps(key, keysIn(members));
        reply(ctx, "");
      },
    },
  ];
}

/** The members of the body, in canonical JSON. */
function membersIn(ctx: Context): ReadonlyMap<string, string> {
  const body = bodyOf(ctx);
  if (body.kind !== "json") throw new Error("the body of this route is JSON");
  return body.members;
}

function keyOf(caller: Caller, name: (field: string) => string | undefined): PropsKey {
  const jobId = requiredName(name("job_id"), "job_id");
  const clusterName = requiredName(name("cluster_name"), "cluster_name");
  return { email: caller.email, jobId, clusterName };
}

function updatesIn(members: ReadonlyMap<string, string>): string {
  const updates = given(members, "updates");
  if (updates.startsWith("{")) return updates;
  const what = `it is of type ${pythonTypeOf(updates)}: ${shownValue(updates)}`;
  throw new ClockworkError(500, `Expected \`updates\` to be a dict, but instead ${what}.`);
}

/** Names to be removed, one or a list, in canonical JSON. */
function keysIn(members: ReadonlyMap<string, string>): string {
  const keys = given(members, "keys");
  if (keys.startsWith('"') || keys.startsWith("[")) return keys;
  const what = `it is of type ${pythonTypeOf(keys)}: ${shownValue(keys)}`;
  throw new ClockworkError(500, `Expected \`keys\` to be a string or list of strings, instead ${what}.`);
}

function given(members: ReadonlyMap<string, string>, field: string): string {
  const value = members.get(field);
  if (value === undefined || value === "null") throw new ClockworkError(500, `Missing argument '${field}'.`);
  return value;
}
