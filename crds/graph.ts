import type { Task } from "./generated/types.ts";
import { referencedTasks } from "./references.ts";

/** Names of the tasks that must end well before this one starts: `depends`, and every task it refers to (O-126, O-152). */
export function dependenciesOf(task: Task): string[] {
  const names = new Set(task.depends ?? []);
  for (const text of [...(task.args ?? []), ...(task.inputs ?? [])]) {
    for (const name of referencedTasks(text)) names.add(name);
  }
  return [...names];
}

/** The names along one cycle, first name repeated at the end; undefined if there is none. Unknown names are passed over. */
export function findCycle(dependencies: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  for (const start of dependencies.keys()) {
    // An explicit stack: two thousand tasks in a row must not use up the call stack.
    const path: { name: string; next: number }[] = [];
    const onPath = new Set<string>();
    const enter = (name: string): void => {
      path.push({ name, next: 0 });
      onPath.add(name);
    };
    if (!finished.has(start)) enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const child = dependencies.get(top.name)?.[top.next];
      top.next += 1;
      if (child === undefined) {
        finished.add(top.name);
        onPath.delete(top.name);
        path.pop();
      } else if (onPath.has(child)) {
        const names = path.map((step) => step.name);
        return [...names.slice(names.indexOf(child)), child];
      } else if (!finished.has(child) && dependencies.has(child)) {
        enter(child);
      }
    }
  }
  return undefined;
}
