import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);
const MOST_OUTPUT = 64 * 1024 * 1024;
const TIMEOUT_MS = 180_000;

/** ODIN_TEST_HOST_ADDRESS, where pods reach a process of this machine, is set for end-to-end files only. */
export type TestVariable = "KUBECONFIG" | "ODIN_TEST_KUBECTL" | "ODIN_TEST_AUDIT_LOG" | "ODIN_TEST_HOST_ADDRESS";

/** The variable that the runner sets for integration and end-to-end files; throws where it did not. */
export function testVariable(name: TestVariable): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`${name} is not set: run this file through npm test`);
  return value;
}

/** Runs kubectl against the API server of the tests and returns what it prints; throws with its message if it fails. */
export async function kubectl(...args: string[]): Promise<string> {
  const options = {
    maxBuffer: MOST_OUTPUT,
    timeout: TIMEOUT_MS,
    env: { ...process.env, KUBECONFIG: testVariable("KUBECONFIG") },
  };
  try {
    return (await execute(testVariable("ODIN_TEST_KUBECTL"), args, options)).stdout;
  } catch (error) {
    const stderr = typeof error === "object" && error !== null && "stderr" in error ? String(error.stderr).trim() : "";
    throw new Error(`kubectl ${args.join(" ")}: ${stderr || String(error)}`, { cause: error });
  }
}

/** Applies objects, given as text or as plain objects, and returns what kubectl says. */
export function kubectlApply(namespace: string | undefined, ...objects: (string | object)[]): Promise<string> {
  return kubectlWithInput(manifestOf(objects), ["apply", "-f", "-", ...inNamespace(namespace)]);
}

/** Asks the API server whether it would take the objects; a field that their schema does not know is an error. */
export function kubectlDryRun(namespace: string | undefined, ...objects: (string | object)[]): Promise<string> {
  const args = ["apply", "-f", "-", "--dry-run=server", "--validate=strict", ...inNamespace(namespace)];
  return kubectlWithInput(manifestOf(objects), args);
}

function inNamespace(namespace: string | undefined): string[] {
  return namespace === undefined ? [] : ["--namespace", namespace];
}

function manifestOf(objects: (string | object)[]): string {
  return objects.map((object) => (typeof object === "string" ? object : JSON.stringify(object))).join("\n---\n");
}

/** Runs kubectl with a text on its standard input; returns what it prints on either output. */
export async function kubectlWithInput(input: string, args: string[]): Promise<string> {
  const child = execFile(testVariable("ODIN_TEST_KUBECTL"), args, {
    timeout: TIMEOUT_MS,
    env: { ...process.env, KUBECONFIG: testVariable("KUBECONFIG") },
  });
  let output = "";
  child.stdout?.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    output += chunk;
  });
  child.stdin?.end(input);
  const exitCode = await new Promise<number | null>((done, fail) => {
    child.on("error", fail);
    child.on("close", done);
  });
  if (exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${output.trim()}`);
  return output;
}
