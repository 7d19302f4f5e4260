import type { Environment } from "./environment.ts";

/** One thing to run. */
export interface Task {
  /** What must be there first. */
  environment?: Environment;
  run(): Promise<void>;
}

/** How many at a time, and until when. */
export interface ScheduleOptions {
  jobs: number;
  /** When it fires nothing more is taken up, and environments that are being started give up. */
  signal: AbortSignal;
  /** Told of an environment that could not be stopped. */
  onStopFailed(environment: Environment, error: unknown): void;
}

/**
 * Runs the tasks in their order, some at a time. An environment that is quick to start is started at once, beside tasks
 * that do not need it; any other waits until those have been taken up. Each is stopped after the last task that needs it.
 */
export async function runTasks(tasks: readonly Task[], options: ScheduleOptions): Promise<void> {
  const queue = [...tasks];
  const unfinished = new Map<Environment, number>();
  for (const { environment } of tasks) {
    if (environment !== undefined) unfinished.set(environment, (unfinished.get(environment) ?? 0) + 1);
  }
  const environments = [...unfinished.keys()];
  for (const environment of environments) {
    if (await environment.isQuick()) environment.start(options.signal);
  }

  const stop = async (environment: Environment): Promise<void> => {
    try {
      await environment.stop();
    } catch (error) {
      options.onStopFailed(environment, error);
    }
  };
  const take = (): Task | undefined => {
    const index = queue.findIndex(({ environment }) => environment === undefined || environment.isSettled);
    return index < 0 ? undefined : queue.splice(index, 1)[0];
  };
  const slot = async (): Promise<void> => {
    while (queue.length > 0 && !options.signal.aborted) {
      const task = take();
      if (task === undefined) {
        const awaited = environments.filter((environment) => queue.some((other) => other.environment === environment));
        await Promise.race(awaited.map((environment) => environment.start(options.signal)));
        continue;
      }
      await task.run();
      if (task.environment === undefined) continue;
      const left = (unfinished.get(task.environment) ?? 1) - 1;
      unfinished.set(task.environment, left);
      if (left === 0) await stop(task.environment);
    }
  };
  try {
    await Promise.all(Array.from({ length: options.jobs }, slot));
  } finally {
    await Promise.all(environments.map(stop));
  }
}
