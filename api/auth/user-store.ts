import type { KubeClient } from "../../kube/client.ts";
import { SECRET } from "../../kube/core-resources.ts";
import { isKubeError } from "../../kube/errors.ts";
import type { Informer } from "../../kube/informer.ts";
import { collectionPath, type KubeObject } from "../../kube/resource.ts";
import { ApiError, retryAfter } from "../errors.ts";
import type { Gate } from "../gate.ts";
import { hashPassword, passwordMatches } from "./password.ts";
import { readUser, readUserObject, userPath } from "./read-user.ts";
import { readUserSecret, type StoredUser, userSecret, validFromAfter } from "./user.ts";
import type { NewUser, UserChange } from "./user-fields.ts";

/** What writing users rests on. */
export interface UserStoreOptions {
  client: KubeClient;
  namespace: string;
  /** Told of every write, so that the next request sees it. */
  cache: Pick<Informer<StoredUser>, "noteWritten" | "noteDeleted">;
  /** Every hash goes through it. */
  gate: Gate;
  /** Name of the user of the settings, who cannot be deleted (O-31). */
  root: string | undefined;
}

/** Times a write is decided anew because somebody else wrote the same user in between. */
const ATTEMPTS = 5;

/**
 * Writes users as Secrets (O-30, O-32). Each write names the version it was decided on, so that replicas of the facade do not
 * overwrite each other: what cannot be settled by looking again is a 409. KubeErrors come as they are.
 */
export class UserStore {
  readonly #options: UserStoreOptions;

  constructor(options: UserStoreOptions) {
    this.#options = options;
  }

  /** Stores a new user; throws a 409 if the name is taken. */
  async create(user: NewUser): Promise<StoredUser> {
    const { client, namespace } = this.#options;
    const { password, ...names } = user;
    if ((await this.#read(user.username)) !== undefined) throw exists(user.username);
    const passwordHash = await this.#hash(() => hashPassword(password));
    const secret = userSecret(namespace, { ...names, passwordHash, validFrom: validFromAfter(Date.now()) });
    try {
      return this.#noted(await client.create<KubeObject>(collectionPath(SECRET, namespace), secret));
    } catch (error) {
      if (isKubeError(error, "alreadyExists")) throw exists(user.username);
      // Where the answer was lost the user may be stored; its hash, which nobody else can have, tells.
      const stored = isKubeError(error, "transient")
        ? await readUserObject(client, namespace, user.username)
        : undefined;
      if (stored !== undefined && readUserSecret(stored).passwordHash === passwordHash) return this.#noted(stored);
      throw error;
    }
  }

  /**
   * Sets the fields that differ and returns the user as it then is; throws a 404 for an unknown one. Another password ends the
   * user's tokens, the stored one changes nothing (O-23, O-32).
   */
  async change(username: string, change: UserChange): Promise<StoredUser> {
    return await this.#settle(username, async (stored) => {
      const changed: Record<string, string> = {};
      for (const key of ["firstname", "lastname"] as const) {
        const text = change[key];
        if (text !== undefined && text !== stored[key]) changed[key] = text;
      }
      const { password } = change;
      if (password !== undefined && !(await this.#hash(() => passwordMatches(password, stored.passwordHash)))) {
        changed.passwordHash = await this.#hash(() => hashPassword(password));
        changed.validFrom = String(validFromAfter(Date.now(), stored.validFrom));
      }
      if (Object.keys(changed).length === 0) return stored;
      const { resourceVersion } = stored.metadata;
      return this.#noted(
        await this.#options.client.patch<KubeObject>(this.#path(username), "merge", {
          metadata: { resourceVersion },
          stringData: changed,
        }),
      );
    });
  }

  /** Deletes a user and returns it as it was; throws a 404 for an unknown one, a 409 for the root user (O-31). */
  async remove(username: string): Promise<StoredUser> {
    const { client, cache, root } = this.#options;
    if (username === root) {
      throw new ApiError("UserProtected", "the root user belongs to the settings of the server and cannot be deleted");
    }
    const removed = await this.#settle(
      username,
      async (stored) => {
        const { uid, resourceVersion } = stored.metadata;
        await client.delete(this.#path(username), { uid, resourceVersion });
        return stored;
      },
      true,
    );
    cache.noteDeleted(removed.metadata.uid);
    return removed;
  }

  /**
   * Decides on the user as stored now, and again where the write met another one, or, once, where its answer was lost. A user
   * who is gone after the loss of a removal's answer was removed by it.
   */
  async #settle(
    username: string,
    write: (stored: StoredUser) => Promise<StoredUser>,
    removes = false,
  ): Promise<StoredUser> {
    let before: StoredUser | undefined;
    for (let attempt = 1; ; attempt++) {
      const stored = await this.#read(username);
      if (stored === undefined && before !== undefined && removes) return before;
      if (stored === undefined) throw userUnknown(username);
      try {
        return await write(stored);
      } catch (error) {
        if (isKubeError(error, "notFound")) throw userUnknown(username);
        if (isKubeError(error, "transient") && before === undefined) before = stored;
        else if (!isKubeError(error, "conflict")) throw error;
        else if (attempt >= ATTEMPTS) {
          throw new ApiError(
            "UserChanged",
            "others are changing this user at the same time; look at it and try again",
            {
              cause: error,
            },
          );
        }
      }
    }
  }

  #read(username: string): Promise<StoredUser | undefined> {
    return readUser(this.#options.client, this.#options.namespace, username);
  }

  #path(username: string): string {
    return userPath(this.#options.namespace, username);
  }

  #hash<T>(work: () => Promise<T>): Promise<T> {
    return this.#options.gate.run(
      work,
      () =>
        new ApiError("Busy", "too many passwords are being checked; try again in a moment", { headers: retryAfter(1) }),
    );
  }

  #noted(secret: KubeObject): StoredUser {
    this.#options.cache.noteWritten(secret);
    return readUserSecret(secret);
  }
}

/** The 404 for a user; the name comes from the caller and is shown cut. */
export function userUnknown(username: string): ApiError {
  return new ApiError("UserUnknown", `there is no user ${JSON.stringify(username.slice(0, 100))}`);
}

function exists(username: string): ApiError {
  return new ApiError("UserExists", `there is a user ${JSON.stringify(username)} already; PUT changes it`);
}
