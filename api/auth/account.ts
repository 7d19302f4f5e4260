/** An API key of the Clockwork view as it is kept: never the key itself (C-15). */
export interface StoredKey {
  id: string;
  /** SHA-256 of the key, as 64 lower-case hex digits. */
  sha256: string;
  /** When it was made, in whole unix seconds. */
  created: number;
}

/** What a user's Secret says for the Clockwork view (C-14). */
export interface Account {
  /** Absent: the user's name. */
  email?: string;
  ccAccountUsername?: string;
  /** Clusters whose jobs he may see; absent: all; empty: none. */
  clusters?: readonly string[];
  admin: boolean;
  /** Jobs on a page; absent: the server's setting. */
  pageSize?: number;
  enabled: boolean;
  keys: readonly StoredKey[];
}

/** Key of a user's Secret that holds his API keys. */
export const KEYS_FIELD = "clockwork_keys";

/** What the Secret's texts say; what is not readable counts as absent, but a status that is neither word disables. */
export function readAccount(given: (key: string) => string | undefined): Account {
  const text = (key: string): string => given(key) ?? "";
  const clusters = given("clusters");
  const email = text("email").trim();
  const cc = text("cc_account_username").trim();
  const pageSize = /^[1-9][0-9]{0,5}$/.exec(text("nbr_items_per_page").trim())?.[0];
  return {
    ...(email === "" ? {} : { email }),
    ...(cc === "" ? {} : { ccAccountUsername: cc }),
    ...(clusters === undefined ? {} : { clusters: pieces(clusters) }),
    admin: text("admin").trim().toLowerCase() === "true",
    ...(pageSize === undefined ? {} : { pageSize: Number(pageSize) }),
    enabled: ["", "enabled"].includes(text("status").trim().toLowerCase()),
    keys: readKeys(text(KEYS_FIELD)),
  };
}

function pieces(list: string): string[] {
  return list
    .split(",")
    .map((piece) => piece.trim())
    .filter((piece) => piece !== "");
}

/** The keys in the JSON list that a Secret holds; entries that are none are left out. */
export function readKeys(text: string): StoredKey[] {
  let list: unknown;
  try {
    list = text === "" ? [] : JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    const { id, sha256, created } = (entry ?? {}) as Record<string, unknown>;
    if (typeof id !== "string" || typeof sha256 !== "string" || !/^[0-9a-f]{64}$/i.test(sha256)) return [];
    return [{ id, sha256: sha256.toLowerCase(), created: secondsOf(created) }];
  });
}

/** Whole seconds of a time as we write it, or as a person might: ISO 8601. */
function secondsOf(time: unknown): number {
  const seconds = typeof time === "string" ? Date.parse(time) / 1000 : Number(time);
  return Number.isFinite(seconds) ? Math.floor(seconds) : 0;
}
