import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../local/command.ts";
import type { ControlPlane } from "../../local/control-plane.ts";

/** Installs the definitions of the kinds as the checkout at `root` has them, and waits until they are served. */
export async function installDefinitions(plane: ControlPlane, root: string, signal: AbortSignal): Promise<void> {
  const folder = join(root, "crds/generated");
  const files = (await readdir(folder)).filter((name) => name.endsWith(".yaml"));
  const named = files.flatMap((name) => ["-f", join(folder, name)]);
  const env = { ...process.env, KUBECONFIG: plane.kubeconfig };
  await run(plane.kubectl, ["apply", "--server-side", ...named], { env, signal });
  await run(plane.kubectl, ["wait", "--for=condition=Established", "--timeout=30s", ...named], { env, signal });
}
