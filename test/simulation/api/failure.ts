import { qualified, type ResourceFacts } from "./resources.ts";

/** An answer of the server that is no success: code, and the `Status` that comes with it. */
export class Failure extends Error {
  readonly code: number;
  readonly reason: string | undefined;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: number,
    reason: string | undefined,
    message: string,
    details?: Record<string, unknown>,
    retryAfterSeconds?: number,
  ) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The body of the answer. */
  status(): Record<string, unknown> {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      ...(this.reason === undefined ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

const about = (resource: ResourceFacts, name: string): Record<string, unknown> => ({
  name,
  ...(resource.group === "" ? {} : { group: resource.group }),
  kind: resource.plural,
});

export function notFound(resource: ResourceFacts, name: string): Failure {
  return new Failure(404, "NotFound", `${qualified(resource)} "${name}" not found`, about(resource, name));
}

export function alreadyExists(resource: ResourceFacts, name: string): Failure {
  return new Failure(409, "AlreadyExists", `${qualified(resource)} "${name}" already exists`, about(resource, name));
}

/** The version that the writer started from is not the current one. */
export function outdated(resource: ResourceFacts, name: string): Failure {
  const cause = "the object has been modified; please apply your changes to the latest version and try again";
  return conflict(resource, name, cause);
}

/** A replacement is meant for another object, of another UID. */
export function otherObject(resource: ResourceFacts, name: string, asked: string, is: string): Failure {
  const cause = `Precondition failed: UID in precondition: ${asked}, UID in object meta: ${is}`;
  return conflict(resource, name, `StorageError: invalid object, Code: 4, AdditionalErrorMsg: ${cause}`);
}

/** A delete is meant for another object, or for an earlier version of it. */
export function notThatOne(
  resource: ResourceFacts,
  name: string,
  what: "UID" | "ResourceVersion",
  asked: string,
  is: string,
): Failure {
  const since = what === "UID" ? "deleted and then recreated" : "modified";
  const cause = `the ${what} in the precondition (${asked}) does not match the ${what} in record (${is}). The object might have been ${since}`;
  return conflict(resource, name, cause);
}

function conflict(resource: ResourceFacts, name: string, cause: string): Failure {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${cause}`;
  return new Failure(409, "Conflict", message, about(resource, name));
}

export function invalid(resource: ResourceFacts, name: string, cause: string): Failure {
  const kind = resource.group === "" ? resource.kind : `${resource.kind}.${resource.group}`;
  return new Failure(422, "Invalid", `${kind} "${name}" is invalid: ${cause}`, {
    name,
    ...(resource.group === "" ? {} : { group: resource.group }),
    kind: resource.kind,
  });
}

/** A JSON Patch that does not fit the object. */
export function unfit(): Failure {
  return new Failure(422, "Invalid", "the server rejected our request due to an error in our request", {});
}

export function forbidden(resource: ResourceFacts, name: string, cause: string, details: object = {}): Failure {
  const message = `${qualified(resource)} "${name}" is forbidden: ${cause}`;
  return new Failure(403, "Forbidden", message, { ...about(resource, name), ...details });
}

/** History that somebody wants and that was compacted. */
export function expired(message: string): Failure {
  return new Failure(410, "Expired", message);
}
