import { randomBytes } from "node:crypto";
import type { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import { KEYS_FIELD, type StoredKey } from "../../auth/account.ts";
import { readUser, userPath } from "../../auth/read-user.ts";
import { sha256 } from "../credentials.ts";

/** Keys of one user; nobody needs as many, and a Secret has an end. */
export const MAX_KEYS = 100;
/** Times a write is decided anew because somebody else wrote the same user in between. */
const ATTEMPTS = 10;

/** What cannot be done with a user's keys. */
export class KeyProblem extends Error {
  readonly kind: "userUnknown" | "keyUnknown" | "tooMany" | "busy";

  constructor(kind: KeyProblem["kind"], message: string) {
    super(message);
    this.name = "KeyProblem";
    this.kind = kind;
  }
}

/** A key as it was made: the only time that anybody sees it. */
export interface MadeKey {
  id: string;
  /** Whole unix seconds. */
  created: number;
  key: string;
  email: string;
}

interface KeyStoreOptions {
  client: KubeClient;
  namespace: string;
  /** Told of every write, so that the next request sees it. */
  noteWritten?: (secret: KubeObject) => void;
  now?: () => number;
}

/** Makes, lists and revokes the API keys in users' Secrets; of each key only its hash is kept (C-15). KubeErrors come as they are. */
export class KeyStore {
  readonly #options: KeyStoreOptions;

  constructor(options: KeyStoreOptions) {
    this.#options = options;
  }

  /** The user's keys, in the order in which they were made. */
  async list(username: string): Promise<StoredKey[]> {
    return [...(await this.#read(username)).keys];
  }

  /** Makes a key of 32 random bytes. */
  async create(username: string): Promise<MadeKey> {
    const key = randomBytes(32).toString("hex");
    const id = randomBytes(8).toString("hex");
    const created = Math.floor((this.#options.now ?? Date.now)() / 1000);
    const email = await this.#change(username, (keys) => {
      if (keys.length >= MAX_KEYS)
        throw new KeyProblem("tooMany", `Too many keys: maximum ${MAX_KEYS}; revoke one that is not needed.`);
      return [...keys, { id, sha256: sha256(key), created }];
    });
    return { id, created, key, email };
  }

  /** Revokes a key: it fails on this replica at once, and on others when the change has reached them. */
  async revoke(username: string, id: string): Promise<void> {
    await this.#change(username, (keys) => {
      const left = keys.filter((key) => key.id !== id);
      if (left.length === keys.length) throw new KeyProblem("keyUnknown", "there is no key of that id");
      return left;
    });
  }

  /** Replaces the keys, decided on what is stored at that very moment; gives the user's e-mail. */
  async #change(username: string, decide: (keys: readonly StoredKey[]) => StoredKey[]): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const { keys, email, resourceVersion } = await this.#read(username);
      const body = {
        metadata: { resourceVersion },
        stringData: { [KEYS_FIELD]: JSON.stringify(decide(keys)) },
      };
      try {
        const written = await this.#options.client.patch<KubeObject>(this.#path(username), "merge", body);
        this.#options.noteWritten?.(written);
        return email;
      } catch (error) {
        if (!isKubeError(error, "conflict")) throw error;
        if (attempt >= ATTEMPTS)
          throw new KeyProblem("busy", "others are changing this user at the same time; try again");
      }
    }
  }

  async #read(username: string): Promise<{ keys: readonly StoredKey[]; email: string; resourceVersion: string }> {
    const user = await readUser(this.#options.client, this.#options.namespace, username);
    if (user === undefined)
      throw new KeyProblem("userUnknown", `there is no user ${JSON.stringify(username.slice(0, 100))}`);
    const { account, metadata } = user;
    return {
      keys: account?.keys ?? [],
      email: account?.email ?? username,
      resourceVersion: metadata.resourceVersion,
    };
  }

  #path(username: string): string {
    return userPath(this.#options.namespace, username);
  }
}
