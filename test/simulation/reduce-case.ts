import type { Case } from "./case.ts";

/** A part of a case that can be left out: a run (`r0`), a task (`r0/t3`), a user's action (`r0.1cancel`) or a fault (`f2`). */
export function partsOf({ runs, faults }: Case): string[] {
  return [
    ...runs.map(({ id }) => id),
    ...faults.map(({ id }) => id),
    ...runs.flatMap(({ actions }) => actions.map(({ id }) => id)),
    ...runs.flatMap(({ id, tasks }) => tasks.map((task) => `${id}/${task.name}`)),
  ];
}

/** The case without some of its parts. Whoever depended on a task that is left out depends on what that one depended on. */
export function withoutParts(plan: Case, parts: Iterable<string>): Case {
  const out = new Set(parts);
  return {
    ...plan,
    faults: plan.faults.filter(({ id }) => !out.has(id)),
    runs: plan.runs
      .filter(({ id }) => !out.has(id))
      .map((run) => {
        const gone = new Map(
          run.tasks.filter(({ name }) => out.has(`${run.id}/${name}`)).map(({ name, depends }) => [name, depends]),
        );
        const through = (name: string): string[] => gone.get(name)?.flatMap(through) ?? [name];
        return {
          ...run,
          actions: run.actions.filter(({ id }) => !out.has(id)),
          tasks: run.tasks
            .filter(({ name }) => !gone.has(name))
            .map((task) => ({ ...task, depends: [...new Set(task.depends.flatMap(through))] })),
        };
      })
      .filter(({ tasks }) => tasks.length > 0),
  };
}

/**
 * Cuts a failing case down: halves of its parts first, then single ones, for as long as what is left still fails. `fails` plays a case. Returns the
 * parts that are not needed. Ends after `tries` plays in any case.
 */
export async function needlessParts(
  plan: Case,
  fails: (smaller: Case) => Promise<boolean>,
  tries = 200,
): Promise<string[]> {
  let out: string[] = [];
  let left = tries;
  let size = Math.ceil(partsOf(plan).length / 2);
  while (size >= 1 && left > 0) {
    const parts = partsOf(withoutParts(plan, out));
    let found = false;
    for (let start = 0; start < parts.length && left > 0; start += size) {
      const candidate = [...out, ...parts.slice(start, start + size)];
      const smaller = withoutParts(plan, candidate);
      if (smaller.runs.length === 0) continue;
      left--;
      if (!(await fails(smaller))) continue;
      out = candidate;
      found = true;
    }
    if (!found) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return out;
}
