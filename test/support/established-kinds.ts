import { until } from "./deadline.ts";
import { kubectl } from "./kubectl.ts";

const WAIT_MS = 120_000;

/**
 * Waits until the API server has established the definitions of these names. Not `kubectl wait`: it fails for an object that has no conditions yet.
 * `ask`: runs kubectl.
 */
export async function untilEstablished(
  names: readonly string[],
  ask: (...args: string[]) => Promise<string> = kubectl,
): Promise<void> {
  const status = 'custom-columns=STATUS:.status.conditions[?(@.type=="Established")].status';
  const look = (): Promise<string> => ask("get", "customresourcedefinitions", ...names, "--no-headers", "-o", status);
  await until(look, WAIT_MS, {
    describe: `${names.join(", ")} are established`,
    accept: (said) => said.trim().split(/\s+/).join() === names.map(() => "True").join(),
  });
}
