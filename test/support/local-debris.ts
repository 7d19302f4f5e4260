import { existsSync, readdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { basename, dirname, join } from "node:path";
import { findExecutable, run } from "../../local/command.ts";
import { layoutOf } from "../../local/layout.ts";

/**
 * What is left on the machine of the local cluster in `dir`, one line for each thing; empty if nothing is. Looks at the
 * machine itself, not through the code that cleans up.
 */
export async function debrisOf(dir: string): Promise<string[]> {
  const { directory, id } = layoutOf(dir);
  const names = existsSync(dirname(directory)) ? readdirSync(dirname(directory)) : [];
  return [
    ...names.filter((name) => name.split(".")[0] === basename(directory)).map((name) => `file ${name}`),
    ...processesWith(directory, id),
    ...Object.keys(networkInterfaces()).filter((name) => name.includes(id)),
    ...readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(`${directory}/`) || line.includes(`odin-${id}`)),
    ...cgroupsOf(id),
    ...(await rulesOf(id)),
  ];
}

function processesWith(directory: string, id: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
      if (command.includes(`${directory}/`) || environment.includes(id))
        found.push(`process ${pid}: ${command.slice(0, 120)}`);
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

function cgroupsOf(id: string): string[] {
  const mount = "/sys/fs/cgroup";
  const places = [mount, ...readdirSync(mount).map((name) => join(mount, name))];
  return places.map((place) => join(place, `odin-${id}`)).filter(existsSync);
}

async function rulesOf(id: string): Promise<string[]> {
  const save = process.getuid?.() === 0 ? await findExecutable("iptables-save") : undefined;
  if (!save) return [];
  return (await run(save, [])).split("\n").filter((line) => line.includes(id));
}
