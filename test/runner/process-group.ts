import { readdirSync, readFileSync } from "node:fs";

/** Signals every process of the group; false where none is left. */
export function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether the group has a process that still runs. The dead that nobody has waited for yet do not count; where there is
 * no /proc to tell them apart they do.
 */
export function groupIsAlive(leader: number): boolean {
  try {
    process.kill(-leader, 0);
  } catch {
    return false;
  }
  const states = statesOfGroup(leader);
  return states === undefined || states.some((state) => state !== "Z" && state !== "X");
}

function statesOfGroup(leader: number): string[] | undefined {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return undefined;
  }
  const states: string[] = [];
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      // The second field is the command in brackets and may itself hold blanks and brackets.
      const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(group) === leader && state !== undefined) states.push(state);
    } catch {
      // It ended while we looked.
    }
  }
  return states;
}
