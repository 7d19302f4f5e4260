import type { Context } from "koa";
import type { JobRecords, JobRow } from "../../../store/job-records.ts";
import type { UserData } from "../../../store/user-data.ts";
import { bodyOf } from "../body.ts";
import type { Caller } from "../caller.ts";
import { ClockworkError, echoed } from "../clockwork-error.ts";
import { accessibleClusters } from "../jobs/cluster-access.ts";
import { JsonText } from "../json-text.ts";
import type { JsonWork } from "../json-work/json-work.ts";
import { list, queryOf } from "../query.ts";
import { reply } from "../reply.ts";
import type { ClockworkRoute } from "../route.ts";
import { pythonTypeOf, shownValue } from "./json-type.ts";
import { nameIn } from "./name-fields.ts";
import { requireOwner } from "./owner-rule.ts";
import { tooHuge } from "./too-huge.ts";

/** What the route rests on. */
export interface UserDictParts {
  data: Pick<UserData, "updateUserDict">;
  records: Pick<JobRecords, "matching" | "clusters">;
  /** What reads `update_pairs`. */
  work: Pick<JsonWork, "canonical">;
  /** Name of the cluster where no label names another. */
  cluster: string;
}

/** The route that changes what a job shows as `user` (C-22): its checks are in the order of C-46. */
export function userDictRoute({ data, records, work, cluster }: UserDictParts): ClockworkRoute {
  return {
    method: "PUT",
    path: "/jobs/user_dict_update",
    body: { kind: "fields", names: ["job_id", "cluster_name", "update_pairs"] },
    handle: async (ctx, caller) => {
      const fields = fieldsOf(ctx);
      const jobId = fields.name("job_id");
      if (jobId === undefined) throw new ClockworkError(400, "Missing argument job_id.");
      const job = await theJob(jobId, list({ get: fields.name }, "cluster_name"), caller);
      requireOwner(job, caller);
      const pairs = await updatePairs(fields.pairs());
      const changed = await data.updateUserDict(job.podUid, pairs);
      if (changed === undefined) throw notFound();
      if (changed.kind === "tooLarge") throw tooHuge("user dict", changed);
      if (changed.kind !== "stored") throw new Error(`a job's dict has no quota, and yet: ${changed.kind}`);
      reply(ctx, new JsonText(changed.object));
    },
  };

  async function theJob(jobId: string, named: readonly string[] | undefined, caller: Caller): Promise<JobRow> {
    const clusters = accessibleClusters(caller, named);
    if (clusters?.length === 0) throw noAccess();
    const [job, ...others] = await records.matching(jobId, clusters);
    if (others.length > 0) {
      const text = "Found more than one job matching the criteria. This is probably not what was intended.";
      throw new ClockworkError(500, text);
    }
    if (job !== undefined) return job;
    // Names that are none of a cluster drop out, also for those who may see all clusters (C-31).
    if (named !== undefined && caller.clusters === undefined && !named.includes(cluster)) {
      const known = await records.clusters();
      if (!named.some((name) => known.includes(name))) throw noAccess();
    }
    throw notFound();
  }

  /** The object to be merged, in canonical JSON. */
  async function updatePairs(given: Pairs): Promise<string> {
    if (given === undefined) throw new ClockworkError(500, "Missing 'update_pairs' from arguments.");
    const read = "json" in given ? given : await work.canonical(given.text);
    if ("problem" in read)
      throw new ClockworkError(500, `Failed to json.loads(update_pairs). \n${echoed(read.problem)}.`);
    const { json } = read;
    if (json.startsWith("{")) return json;
    const what = `it is of type ${pythonTypeOf(json)}: ${shownValue(json)}`;
    throw new ClockworkError(500, `Expected \`update_pairs\` to be a dict, but instead ${what}.`);
  }
}

/** What is given for `update_pairs`: a text that should be JSON, or a value in canonical JSON. */
type Pairs = { text: string } | { json: string } | undefined;

/** The fields of a request, of the query before those of its body (C-45). */
function fieldsOf(ctx: Context): { name(field: string): string | undefined; pairs(): Pairs } {
  const query = queryOf(ctx);
  const body = bodyOf(ctx);
  const fields = body.kind === "fields" ? body.fields : new Map<string, string>();
  const members = body.kind === "json" ? body.members : new Map<string, string>();
  const text = (field: string): string | undefined => query.get(field) ?? fields.get(field);
  return {
    name: (field) => text(field) ?? nameIn(members, field),
    pairs() {
      const given = text("update_pairs");
      if (given !== undefined) return { text: given };
      const json = members.get("update_pairs");
      if (json === undefined || json === "null") return undefined;
      return json.startsWith('"') ? { text: String(JSON.parse(json)) } : { json };
    },
  };
}

function noAccess(): ClockworkError {
  return new ClockworkError(403, "It seems you have no access to the requested cluster(s).");
}

function notFound(): ClockworkError {
  return new ClockworkError(404, "Job not found in database.");
}
