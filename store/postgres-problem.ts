import { StoreProblem, type StoreProblemKind } from "./store-problem.ts";

/** SQLSTATEs of the server, and codes of the system, by what can be done about them. The first that matches counts. */
const KINDS: readonly [code: RegExp, kind: StoreProblemKind, advice: string][] = [
  [/^53100$/, "full", "make room on its disk"],
  [/^(XX001|XX002)$/, "damaged", "restore the database from a backup"],
  [/^(53300|53200|53400)$/, "busy", "it has too many connections or too little memory; tried again later"],
  [/^(40001|40P01|55P03|57014|23505)$/, "busy", "others hold it for too long; tried again later"],
  [/^28/, "unavailable", "see that the user and the password are right and that pg_hba.conf lets this machine in"],
  [/^3D000$/, "unavailable", "create the database"],
  [/^42501$/, "unavailable", "give its user the right to create and use tables in the schema"],
  [/^(42P01|42703|3F000)$/, "unavailable", "its tables were removed or changed; they are looked for again"],
  [/^25006$/, "unavailable", "it is read-only, such as a replica; name the primary"],
  [/^(57P0|08)/, "unavailable", "the server stops, starts or is cut off; tried again later"],
  [/^(58|XX)/, "unavailable", "see the server's own log"],
  [
    /^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT_|ERR_TLS|HOSTNAME_MISMATCH)/,
    "unavailable",
    "name its authority with sslrootcert",
  ],
  [/^E[A-Z]+(_[A-Z]+)?$/, "unavailable", "see that the server runs and can be reached"],
];

/** Failures that the driver tells in words only. */
const WORDS: readonly [words: RegExp, kind: StoreProblemKind, advice: string][] = [
  [/timeout exceeded when trying to connect|Query read timeout/, "unavailable", "see that the server is well"],
  [
    /Connection terminated|not queryable|closed the connection|end(ed)? the connection/,
    "unavailable",
    "tried again later",
  ],
  [/does not support SSL/, "unavailable", "give it a certificate, or say sslmode=disable"],
  [/password must be a string|SASL|SCRAM/, "unavailable", "give it a password, by --store-password-file"],
];

/** What a failure of the driver or the server means. The server's words can hold values of rows in quotes; those are left out. */
export function postgresProblem(error: unknown, name: string): StoreProblem {
  if (error instanceof StoreProblem) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  const state = typeof code === "string" ? code : "";
  const words = (typeof message === "string" ? message : String(error)).slice(0, 300);
  for (const [pattern, kind, advice] of KINDS) {
    if (pattern.test(state))
      return new StoreProblem(kind, `the store ${name}: ${words || state} (${state}); ${advice}`);
  }
  for (const [pattern, kind, advice] of WORDS) {
    if (pattern.test(words)) return new StoreProblem(kind, `the store ${name}: ${words}; ${advice}`);
  }
  const discreet = words.replace(/"[^"]*"|'[^']*'/g, "…");
  return new StoreProblem("internal", `the store ${name}: ${discreet}${state === "" ? "" : ` (${state})`}`);
}
