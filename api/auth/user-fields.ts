import { objectAt, textAt } from "../body.ts";
import { invalid } from "../errors.ts";
import { passwordProblem } from "./password.ts";
import { isUserName, type StoredUser } from "./user.ts";

/** What a change of a user may set; an absent field stays as it is. */
export interface UserChange {
  password?: string;
  firstname?: string;
  lastname?: string;
}

/** What a new user is made of. */
export interface NewUser extends UserChange {
  username: string;
  password: string;
}

/** A user as replies show it: exactly these keys, a name that is not set left out (O-30). */
export interface UserView {
  username: string;
  firstname?: string;
  lastname?: string;
}

const MAX_NAME = 128;
/** Control characters and the two separators that end lines as they do. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029]/u;

/** The new user in the body of POST /v1/users; throws a 422 that names the field (O-32). */
export function readNewUser(body: unknown): NewUser {
  const fields = objectAt("user", ownValue(objectAt("body", body), "user"));
  const username = textAt("user.", fields, "username");
  if (!isUserName(username)) {
    throw invalid("user.username", "must be 1 to 64 letters, digits, . _ @ and -, beginning with a letter or digit");
  }
  const change = readFields("user.", fields);
  if (change.password === undefined) throw invalid("user.password", "is missing");
  return { username, ...change, password: change.password };
}

/**
 * The change in the body of PUT /v1/users/{username}, bare or in `user`; empty fields change nothing (O-32). Throws a 422
 * if the body names another user.
 */
export function readUserChange(body: unknown, username: string): UserChange {
  const bare = objectAt("body", body);
  const wrapped = ownValue(bare, "user");
  const path = wrapped === undefined ? "" : "user.";
  const fields = wrapped === undefined ? bare : objectAt("user", wrapped);
  const named = optionalText(path, fields, "username");
  if (named !== undefined && named !== username) {
    throw invalid(`${path}username`, "is another user than the one in the path; a user's name cannot be changed");
  }
  return readFields(path, fields);
}

/** A user as replies show it. */
export function userView({ username, firstname, lastname }: StoredUser): UserView {
  return {
    username,
    ...(firstname === undefined ? {} : { firstname }),
    ...(lastname === undefined ? {} : { lastname }),
  };
}

function readFields(path: string, fields: Record<string, unknown>): UserChange {
  const password = optionalText(path, fields, "password");
  const problem = password === undefined ? undefined : passwordProblem(password);
  if (problem !== undefined) throw invalid(`${path}password`, problem);
  const firstname = nameAt(path, fields, "firstname");
  const lastname = nameAt(path, fields, "lastname");
  return {
    ...(password === undefined ? {} : { password }),
    ...(firstname === undefined ? {} : { firstname }),
    ...(lastname === undefined ? {} : { lastname }),
  };
}

function nameAt(path: string, fields: Record<string, unknown>, key: string): string | undefined {
  const name = optionalText(path, fields, key);
  if (name === undefined) return undefined;
  if (name.length > MAX_NAME || UNPRINTABLE.test(name)) {
    throw invalid(`${path}${key}`, `must be at most ${MAX_NAME} characters, none of them a control character`);
  }
  return name;
}

/** A text; null, empty and absent are the same. */
function optionalText(path: string, fields: Record<string, unknown>, key: string): string | undefined {
  const value = ownValue(fields, key);
  return value === undefined || value === null || value === "" ? undefined : textAt(path, fields, key);
}

function ownValue(fields: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}
