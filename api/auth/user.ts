import { LABELS, MANAGED_BY } from "../../crds/names.ts";
import type { KubeObject, ObjectMeta } from "../../kube/resource.ts";
import { type Account, readAccount } from "./account.ts";

/** A user as stored (O-30). The hash never leaves the process. */
export interface StoredUser {
  metadata: ObjectMeta;
  username: string;
  firstname?: string;
  lastname?: string;
  passwordHash: string;
  /** Second from which on tokens are accepted: the one after the last password change (O-23). */
  validFrom: number;
  /** What the Clockwork view needs of him; absent: nothing is said, so he has no API key and sees what is his. */
  account?: Account;
}

/** Type of the Secrets that hold users; a Secret's type cannot be changed, so no other Secret can become a user. */
export const USER_SECRET_TYPE = "odin.io/user";
/** Component label of those Secrets. */
export const USER_COMPONENT = "user";
/** Selects the Secrets of users. */
export const USER_SELECTOR = `${LABELS.managedBy}=${MANAGED_BY},${LABELS.component}=${USER_COMPONENT}`;

const USER_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** Whether a text can be a user's name (O-30). */
export function isUserName(text: string): boolean {
  return USER_NAME.test(text);
}

/**
 * Name of a user's Secret. Lower-case letters and digits stand for themselves, anything else is `-` and two hex digits, so
 * that two names never share a Secret and every name fits (at most 202 of 253 characters).
 */
export function userSecretName(username: string): string {
  const escaped = username.replace(/[^a-z0-9]/g, (character) => `-${character.charCodeAt(0).toString(16)}`);
  return `odin-user-${escaped}`;
}

/** A user's Secret as it is created. */
export function userSecret(namespace: string, user: Omit<StoredUser, "metadata">): object {
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: USER_SECRET_TYPE,
    metadata: {
      name: userSecretName(user.username),
      namespace,
      labels: { [LABELS.managedBy]: MANAGED_BY, [LABELS.component]: USER_COMPONENT },
    },
    stringData: {
      username: user.username,
      ...(user.firstname === undefined ? {} : { firstname: user.firstname }),
      ...(user.lastname === undefined ? {} : { lastname: user.lastname }),
      passwordHash: user.passwordHash,
      validFrom: String(user.validFrom),
    },
  };
}

/** The user in a Secret. One whose name does not belong to its content gets no user name and is nobody. */
export function readUserSecret(raw: KubeObject): StoredUser {
  const { type, data } = raw as KubeObject & { type?: unknown; data?: Record<string, string> };
  const given = (key: string): string | undefined =>
    data?.[key] === undefined ? undefined : Buffer.from(data[key], "base64").toString();
  const text = (key: string): string => given(key) ?? "";
  const username = text("username");
  const genuine = type === USER_SECRET_TYPE && isUserName(username) && raw.metadata.name === userSecretName(username);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = raw.metadata;
  const firstname = text("firstname");
  const lastname = text("lastname");
  return {
    metadata: {
      name,
      uid,
      resourceVersion,
      ...(namespace === undefined ? {} : { namespace }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    username: genuine ? username : "",
    ...(firstname === "" ? {} : { firstname }),
    ...(lastname === "" ? {} : { lastname }),
    passwordHash: genuine ? text("passwordHash") : "",
    validFrom: Number(text("validFrom")) || 0,
    ...(genuine ? { account: readAccount(given) } : {}),
  };
}

/** The `validFrom` of a password set at `nowMs`: later than every token issued so far, `before` included (O-23). */
export function validFromAfter(nowMs: number, before = 0): number {
  return Math.max(Math.floor(nowMs / 1000) + 1, before + 1);
}
