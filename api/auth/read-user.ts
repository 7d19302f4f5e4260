import type { KubeClient } from "../../kube/client.ts";
import { SECRET } from "../../kube/core-resources.ts";
import { isKubeError } from "../../kube/errors.ts";
import { type KubeObject, objectPath } from "../../kube/resource.ts";
import { readUserSecret, type StoredUser, userSecretName } from "./user.ts";

/** Path of the Secret that holds a user, or would. */
export function userPath(namespace: string, username: string): string {
  return objectPath(SECRET, namespace, userSecretName(username));
}

/** The Secret in the place of a user as the API server has it now; undefined if there is none. */
export async function readUserObject(
  client: KubeClient,
  namespace: string,
  username: string,
): Promise<KubeObject | undefined> {
  try {
    return await client.get<KubeObject>(userPath(namespace, username));
  } catch (error) {
    if (isKubeError(error, "notFound")) return undefined;
    throw error;
  }
}

/** The user as the API server has it now; a Secret that only has the place of one counts as none. */
export async function readUser(
  client: KubeClient,
  namespace: string,
  username: string,
): Promise<StoredUser | undefined> {
  const secret = await readUserObject(client, namespace, username);
  const user = secret === undefined ? undefined : readUserSecret(secret);
  return user?.username === username ? user : undefined;
}
