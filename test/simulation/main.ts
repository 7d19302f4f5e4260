import type { Case } from "./case.ts";
import { generateCase } from "./generate-case.ts";
import { HELP, parseOptions } from "./options.ts";
import { type Played, play } from "./play.ts";
import { needlessParts, partsOf, withoutParts } from "./reduce-case.ts";

/** Schedules between two lines that tell how far it has come. */
const TELL_EVERY = 100;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The case as a person reads it. */
function shown({ operators, shards, runs, faults }: Case): string {
  const graphs = runs.map(({ name, tasks, failurePolicy, timeout: within, parallelism, ttl }) => {
    const words = tasks.map((task) => {
      const { depends, kind, retries, timeout, outcomes } = task;
      const ends = outcomes.map(({ end, runMs }) => `${end} ${runMs}ms`).join("/");
      const traits = `${kind === "Pod" ? "" : `${kind} `}${retries === 0 ? "" : `retries ${retries} `}${timeout === undefined ? "" : `timeout ${timeout}s `}`;
      return `${task.name}${depends.length > 0 ? ` after ${depends.join(" ")}` : ""}: ${traits}${ends}`;
    });
    const policy = JSON.stringify({ failurePolicy, timeout: within, parallelism, ttl });
    return `  run ${name} ${policy}: ${words.join("; ")}`;
  });
  const actions = runs.flatMap((run) => run.actions.map(({ atMs, kind }) => `  at ${atMs} ms: ${kind} ${run.name}`));
  const troubles = faults.map(({ id: _id, atMs, kind, ...rest }) => `  at ${atMs} ms: ${kind} ${JSON.stringify(rest)}`);
  return [`  ${operators} operators, ${shards} shards`, ...graphs, ...actions, ...troubles].join("\n");
}

function tellViolations({ violations }: Played): void {
  for (const { rule, message, atMs } of violations) say(`  ${rule} after ${(atMs / 1000).toFixed(1)} s: ${message}`);
}

/** Cuts a failing case down, and says what is left and how to play it again. */
async function tellReduced(plan: Case, seed: number, before: Played): Promise<void> {
  const rules = new Set(before.violations.map(({ rule }) => rule));
  const out = await needlessParts(plan, async (smaller) => {
    const { violations } = await play(smaller);
    return violations.some(({ rule }) => rules.has(rule));
  });
  const smaller = withoutParts(plan, out);
  say(`cut down from ${partsOf(plan).length} parts to ${partsOf(smaller).length}:`);
  say(shown(smaller));
  tellViolations(await play(smaller));
  say(`play it again: npm run simulate -- --seed ${seed}${out.length > 0 ? ` --drop ${out.join(",")}` : ""} --trace`);
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const totals = { steps: 0, requests: 0, virtualMs: 0, faults: 0, tasks: 0 };
  const last = options.seed + options.schedules - 1;
  for (let seed = options.seed; seed <= last; seed++) {
    const plan = withoutParts(generateCase(seed), options.drop);
    const played = await play(plan, options.trace);
    for (const line of played.trace) say(line);
    totals.steps += played.steps;
    totals.requests += played.requests;
    totals.virtualMs += played.virtualMs;
    totals.faults += plan.faults.length;
    totals.tasks += plan.runs.reduce((sum, { tasks }) => sum + tasks.length, 0);
    if (played.violations.length > 0) {
      say(`seed ${seed} breaks a rule:`);
      tellViolations(played);
      if (options.shrink && options.drop.length === 0) await tellReduced(plan, seed, played);
      return 1;
    }
    const count = seed - options.seed + 1;
    if (count % TELL_EVERY === 0 && seed < last) say(`${count} of ${options.schedules} schedules played`);
    if (options.schedules === 1) say(`seed ${seed}: ${JSON.stringify(played.phases)}, trace ${played.digest}`);
  }
  const { steps, requests, virtualMs, faults, tasks } = totals;
  const hours = (virtualMs / 3_600_000).toFixed(1);
  say(
    `${options.schedules} schedules held: ${tasks} tasks, ${faults} faults, ${requests} requests, ${steps} steps, ${hours} h of virtual time`,
  );
  return 0;
}

process.exitCode = await main();
