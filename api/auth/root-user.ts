import type { KubeClient } from "../../kube/client.ts";
import { SECRET } from "../../kube/core-resources.ts";
import { isKubeError } from "../../kube/errors.ts";
import type { Logger } from "../../kube/logger.ts";
import { collectionPath, type KubeObject, objectPath } from "../../kube/resource.ts";
import { hashPassword, passwordMatches } from "./password.ts";
import { readUserSecret, userSecret, userSecretName, validFromAfter } from "./user.ts";

/** The administrator that the settings name (O-31). */
export interface RootUser {
  username: string;
  password: string;
}

const ATTEMPTS = 5;

/**
 * Creates the root user, or sets its password if the stored one is another; returns the Secret as it now is (O-31).
 * Throws if a Secret of that name is not a user's, and KubeErrors as they come.
 */
export async function ensureRootUser(
  client: KubeClient,
  namespace: string,
  root: RootUser,
  logger: Logger,
): Promise<KubeObject> {
  const name = userSecretName(root.username);
  const path = objectPath(SECRET, namespace, name);
  for (let attempt = 1; ; attempt++) {
    try {
      const found = await find(client, path);
      if (found === undefined) {
        const fields = {
          username: root.username,
          passwordHash: await hashPassword(root.password),
          validFrom: validFromAfter(Date.now()),
        };
        const created = await client.create<KubeObject>(
          collectionPath(SECRET, namespace),
          userSecret(namespace, fields),
        );
        logger.info({ user: root.username }, "root user created");
        return created;
      }
      const stored = readUserSecret(found);
      if (stored.username === "") {
        throw new Error(
          `Secret ${namespace}/${name} is in the place of the root user but does not hold one; delete it and start again`,
        );
      }
      if (await passwordMatches(root.password, stored.passwordHash)) return found;
      const repaired = await client.patch<KubeObject>(path, "merge", {
        metadata: { resourceVersion: found.metadata.resourceVersion },
        stringData: {
          passwordHash: await hashPassword(root.password),
          validFrom: String(validFromAfter(Date.now(), stored.validFrom)),
        },
      });
      logger.info({ user: root.username }, "root user's password set to the one in the settings");
      return repaired;
    } catch (error) {
      // Another replica did the same at the same time: look again.
      if (attempt === ATTEMPTS || !isKubeError(error, "alreadyExists", "conflict")) throw error;
    }
  }
}

async function find(client: KubeClient, path: string): Promise<KubeObject | undefined> {
  try {
    return await client.get<KubeObject>(path);
  } catch (error) {
    if (isKubeError(error, "notFound")) return undefined;
    throw error;
  }
}
