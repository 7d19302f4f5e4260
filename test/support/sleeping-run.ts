/**
 * A Pipeline of that many tasks in chains of three, each of which sleeps for that long and says so: work that is under way for a while,
 * with something still to be started at any time.
 */
export function sleepingRun(name: string, tasks: number, seconds: number): object {
  return {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name },
    spec: {
      parallelism: 8,
      tasks: Array.from({ length: tasks }, (_, index) => ({
        name: `t${index}`,
        image: "python:3.11-slim",
        command: ["sh", "-c", `sleep ${seconds}; echo slept`],
        terminationGracePeriodSeconds: 1,
        ...(index % 3 === 0 ? {} : { depends: [`t${index - 1}`] }),
      })),
    },
  };
}
