#!/usr/bin/env node
import { SettingProblem } from "../settings/settings.ts";
import { expectBursts } from "./engine-flags.ts";

const USAGE = `odin: machine-learning pipelines on Kubernetes.

  odin operator [flags]   runs the Pipelines of a cluster
  odin api [flags]        serves the REST API
  odin all [flags]        both in one process, for small installations
  odin clockwork-key      makes, lists and revokes API keys for the Clockwork API
  odin copy-store         writes a copy of the embedded store, for a backup
  odin remove-directory   removes what a run wrote; run by the API in a pod of its own

Each takes --help. Flags win over environment variables; for \`all\` settings come from the environment.
`;

type Part = (argv: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal) => Promise<void>;

// Loaded on demand: the API's libraries are not in the operator's memory, nor the other way round.
const operator: Part = async (...options) => {
  expectBursts();
  return await (await import("../operator/main.ts")).runOperator(...options);
};
const api: Part = async (...options) => (await import("../api/main.ts")).runApi(...options);

/** Both parts; when one ends, so does the other. */
const all: Part = async (argv, env, signal) => {
  if (argv.length > 0)
    throw new SettingProblem(
      `\`odin all\` takes no flags but --help, its settings come from the environment; ${argv[0]} is not known`,
    );
  const both = new AbortController();
  const end = (): void => both.abort();
  signal.addEventListener("abort", end, { once: true });
  const results = await Promise.allSettled([operator, api].map((part) => part([], env, both.signal).finally(end)));
  for (const result of results) if (result.status === "rejected") throw result.reason;
};

const removal: Part = async (argv) => (await import("./remove-directory.ts")).runRemoveDirectory(argv);

const copy: Part = async (argv, env) => (await import("./copy-store.ts")).runCopyStore(argv, env);

const clockworkKey: Part = async (argv, env) =>
  (await import("../api/clockwork/keys/command.ts")).runClockworkKey(argv, env);

const PARTS: Record<string, Part> = {
  operator,
  api,
  all,
  "clockwork-key": clockworkKey,
  "copy-store": copy,
  "remove-directory": removal,
};

const MOST_OF_A_STACK = 2_000;

/** An error with where it came from, for a log that has a line per message. */
function inOneLine(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.replace(/\s*\n\s*/g, "; ").slice(0, MOST_OF_A_STACK);
}

/** Ends of the process: 0 as asked, 2 a wrong setting, 1 anything else, 130 by a second signal. */
async function main([name = "--help", ...argv]: string[]): Promise<number> {
  if (name === "--help" || name === "help" || (name === "all" && argv.includes("--help"))) {
    process.stdout.write(USAGE);
    return 0;
  }
  const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
  if (part === undefined) {
    process.stderr.write(`odin: there is no command ${JSON.stringify(name)}; try operator, api, all or --help\n`);
    return 2;
  }
  // What it left half-done nobody knows, so nothing more is tried: another process takes over, or this one is started anew.
  process.on("uncaughtException", (error: unknown) => {
    process.stderr.write(`odin ${name}: ended by an error that nothing handled: ${inOneLine(error)}\n`);
    process.exit(1);
  });
  const stop = new AbortController();
  let signals = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      signals += 1;
      // The second one is a person who does not want to wait.
      if (signals > 1) process.exit(130);
      stop.abort();
    });
  }
  try {
    await part(argv, process.env, stop.signal);
    return 0;
  } catch (error) {
    process.stderr.write(`odin ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof SettingProblem ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
