import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as yaml from "js-yaml";
import { builtTool } from "../../local/binaries.ts";
import { silentProgress } from "../../local/progress.ts";
import { ROOT } from "./documents.ts";

/** The chart of this checkout. */
export const CHART = join(ROOT, "helm/odin");
const MOST_OUTPUT = 64 * 1024 * 1024;
const TIMEOUT_MS = 360_000;

/** How a command of helm ended. */
export interface HelmResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** An object of a render, as far as tests look at it. */
export interface Rendered {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [field: string]: unknown;
}

/**
 * Runs the pinned helm, which is built from its sources where this machine has none; never throws for what helm says. `kubeconfig`: the cluster
 * that it sees; left out, none.
 */
export async function helm(args: readonly string[], kubeconfig?: string): Promise<HelmResult> {
  const program = await builtTool("helm", "helm", silentProgress);
  const home = join(tmpdir(), "odin-helm");
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: home,
    HELM_CACHE_HOME: join(home, "cache"),
    HELM_CONFIG_HOME: join(home, "config"),
    HELM_DATA_HOME: join(home, "data"),
    // Without it helm would take the user's own cluster.
    KUBECONFIG: kubeconfig ?? join(home, "none"),
  };
  return await new Promise((resolve) => {
    execFile(program, args, { env, maxBuffer: MOST_OUTPUT, timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ exitCode, stdout, stderr });
    });
  });
}

/** Runs helm and returns what it prints; throws with its words if it fails. */
export async function helmDone(args: readonly string[], kubeconfig?: string): Promise<string> {
  const { exitCode, stdout, stderr } = await helm(args, kubeconfig);
  if (exitCode !== 0) throw new Error(`helm ${args.join(" ")}: ${stderr.trim() || stdout.trim() || exitCode}`);
  return stdout;
}

/** The objects of a rendered chart. */
export function objectsOf(text: string): Rendered[] {
  return (yaml.loadAll(text) as (Rendered | null)[]).filter((object) => object !== null);
}
