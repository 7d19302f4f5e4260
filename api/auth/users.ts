import type { Informer } from "../../kube/informer.ts";
import { type StoredUser, userSecretName } from "./user.ts";

/** Finds users. */
export interface Users {
  /** The user of that name; the name may be any text. */
  find(username: string): StoredUser | undefined;
}

/** Users from the cache of their Secrets. */
export function cachedUsers(informer: Pick<Informer<StoredUser>, "get">, namespace: string): Users {
  return {
    find(username) {
      if (username === "") return undefined;
      const user = informer.get(`${namespace}/${userSecretName(username)}`);
      // Compared because a text that is no user name may have the Secret name of one.
      return user?.username === username ? user : undefined;
    },
  };
}
