import { isKubeError } from "./errors.ts";
import type { RequestLabels } from "./request-path.ts";

/** Entries kept; verbs and resources are few. */
const MOST = 200;
/** What RBAC says, and the check of owner references. Admission refuses in other words. */
const NO_RIGHT = /is forbidden: User ".*" cannot [a-z]+ (?:resource|path)|cannot set blockOwnerDeletion/;

/**
 * Whether the API server refused because the caller may not do that at all, or is not known to it (401): somebody has to give it the right, and the same
 * request may succeed then. A refusal by admission, which is about the object, is not one.
 */
export function isRightMissing(error: unknown): boolean {
  if (isKubeError(error, "unauthorized")) return true;
  return isKubeError(error, "forbidden") && NO_RIGHT.test(error.message);
}

/** What this process was last refused for want of a right, by verb and resource; a success of the same takes it off. */
export class MissingRights {
  readonly #missing = new Map<string, { verb: string; resource: string }>();

  failed({ verb, resource }: RequestLabels, error: unknown): void {
    if (this.#missing.size < MOST && isRightMissing(error))
      this.#missing.set(`${verb} ${resource}`, { verb, resource });
  }

  worked({ verb, resource }: RequestLabels): void {
    if (this.#missing.size > 0) this.#missing.delete(`${verb} ${resource}`);
  }

  /** The same as verb and resource each. */
  entries(): { verb: string; resource: string }[] {
    return [...this.#missing.values()];
  }

  /** Such as `create pods`, in order; empty: nothing is missing. `of`: only of those requests. */
  list(of: (verb: string, resource: string) => boolean = () => true): string[] {
    return [...this.#missing]
      .filter(([, { verb, resource }]) => of(verb, resource))
      .map(([what]) => what)
      .sort();
  }
}
