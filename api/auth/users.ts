import type { Informer } from "../../kube/informer.ts";
import { type StoredUser, userSecretName } from "./user.ts";

/** Finds users. */
export interface UserLookup {
  /** The user of that name; the name may be any text. */
  find(username: string): StoredUser | undefined;
}

/** Finds and lists users. */
export interface Users extends UserLookup {
  /** All users, in no order. */
  list(): Iterable<StoredUser>;
}

/** Users from the cache of their Secrets. */
export function cachedUsers(informer: Pick<Informer<StoredUser>, "get" | "list">, namespace: string): Users {
  return {
    find(username) {
      if (username === "") return undefined;
      const user = informer.get(`${namespace}/${userSecretName(username)}`);
      // Compared because a text that is no user name may have the Secret name of one.
      return user?.username === username ? user : undefined;
    },
    *list() {
      // A Secret that only looks like a user's has no user name.
      for (const user of informer.list()) if (user.username !== "") yield user;
    },
  };
}
