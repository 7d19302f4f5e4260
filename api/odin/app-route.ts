import type { JobsRepository } from "../git/jobs-repository.ts";
import type { Route } from "../route.ts";

/** What GET /app rests on. */
export interface AppParts {
  repository: JobsRepository;
  /** `ODIN_FS_ROOT`. */
  root: string;
  /** When the operator last said that it works; undefined: never. */
  operatorSeen(): Promise<Date | undefined>;
}

/** A lease that was renewed longer ago belongs to an operator that does not work (O-63). */
const RESPONSIVE_MS = 15_000;

/** The state of the jobs repository and of the operator (O-41, O-63). */
export function appRoutes(parts: AppParts): Route[] {
  return [{ method: "GET", path: "/v1/app", access: "open", needsCaches: false, handle: showApp(parts) }];
}

function showApp({ repository, root, operatorSeen }: AppParts): Route["handle"] {
  return async (ctx) => {
    const { version, dirty, error } = repository.state();
    ctx.body = {
      pipelines_root: root,
      pipelines_version: version,
      pipelines_repo_dirty: dirty,
      ...(error === undefined ? {} : { pipelines_repo_error: error }),
      ws_server_status: operatorStatus(await operatorSeen(), Date.now()),
    };
  };
}

/** `responsive (<time>)` in UTC, or `unresponsive`. */
export function operatorStatus(seen: Date | undefined, now: number): string {
  if (seen === undefined || now - seen.getTime() > RESPONSIVE_MS) return "unresponsive";
  return `responsive (${seen.toISOString().slice(0, 19)})`;
}
