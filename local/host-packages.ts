import { readFileSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { findExecutable, run, SYSTEM_PATH } from "./command.ts";
import { lastLines } from "./component.ts";
import { Interrupted, LocalError } from "./local-error.ts";
import type { Progress } from "./progress.ts";

/** A program that a real node needs from the operating system, and the Debian package that has it. */
export interface Requirement {
  program: string;
  package: string;
}

const REQUIREMENTS: Requirement[] = [
  { program: "containerd", package: "containerd" },
  { program: "runc", package: "runc" },
  { program: "bridge", package: "containernetworking-plugins" },
  { program: "iptables", package: "iptables" },
  { program: "ip", package: "iproute2" },
  { program: "nsenter", package: "util-linux" },
  { program: "mmdebstrap", package: "mmdebstrap" },
];

/** What building an image of our own takes. */
export const IMAGE_REQUIREMENTS: Requirement[] = [
  { program: "buildah", package: "buildah" },
  { program: "mmdebstrap", package: "mmdebstrap" },
];

/** Where distributions and the CNI project put network plugins. */
const CNI_DIRECTORIES = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];
const INSTALL_TIMEOUT_MS = 10 * 60_000;

/** The capabilities (their bits in /proc/self/status) without which no namespace, mount or interface can be made. */
const CAPABILITIES: [string, bigint][] = [
  ["CAP_NET_ADMIN", 12n],
  ["CAP_SYS_ADMIN", 21n],
];

/** Throws, saying what to do instead, where this machine cannot have a real node at all. */
export function assertNodePossible(): void {
  const instead = "or name a cluster of yours with --context NAME";
  if (process.platform !== "linux") {
    throw new LocalError(`a local cluster with a node needs Linux; use a Linux machine ${instead}`);
  }
  if (process.getuid?.() !== 0) {
    throw new LocalError(`a local cluster with a node needs root; run it with sudo ${instead}`);
  }
  const held = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "0"}`);
  const withheld = CAPABILITIES.filter(([, bit]) => ((held >> bit) & 1n) === 0n).map(([name]) => name);
  if (withheld.length === 0) return;
  throw new LocalError(
    `a local cluster with a node needs ${withheld.join(" and ")}, which this container withholds; run it outside, in a privileged container, ${instead}`,
  );
}

/**
 * Makes sure that these programs (by default those of a node) are there; installs Debian's packages where they are not. The installation is
 * told first, its output goes to `host-packages.log` in `logDirectory`, and it starts no service.
 */
export async function ensureHostPackages(
  progress: Progress,
  logDirectory: string,
  signal?: AbortSignal,
  requirements: readonly Requirement[] = REQUIREMENTS,
): Promise<void> {
  const packages = await missingPackages(requirements);
  if (packages.length === 0) return;
  const apt = await aptFor(packages);
  const step = progress.step(`Installing packages of the operating system: ${packages.join(" ")}`);
  const log = join(logDirectory, "host-packages.log");
  try {
    step.update(`output in ${log}`);
    await withoutServices(packages, () => install(apt, packages, log));
    const still = await missingPackages(requirements);
    if (still.length > 0) throw new LocalError(`installed, and yet missing: ${still.join(", ")}; the log is ${log}`);
    step.done();
  } catch (error) {
    step.fail("failed");
    throw error;
  }
  // apt was let finish: stopped half-way it leaves the package system for the user to repair.
  if (signal?.aborted) throw new Interrupted();
}

/** Installs packages of Debian's or of a distribution like it, with the output in `log`; throws where that cannot be done. */
export async function installDebianPackages(packages: string[], log: string): Promise<void> {
  if (process.getuid?.() !== 0) throw new LocalError(`installing ${packages.join(", ")} needs root`);
  await install(await aptFor(packages), packages, log);
}

async function aptFor(packages: string[]): Promise<string> {
  const apt = await findExecutable("apt-get");
  if (apt && (await isDebianLike())) return apt;
  throw new LocalError(
    `this machine lacks ${packages.join(", ")} (Debian's package names); install them, or name a cluster of yours with --context NAME`,
  );
}

/** The directory with the CNI plugins. */
export async function cniDirectory(): Promise<string> {
  const bridge = await findExecutable("bridge", CNI_DIRECTORIES, "only");
  if (!bridge)
    throw new LocalError(`no CNI plugins in ${CNI_DIRECTORIES.join(", ")}; install containernetworking-plugins`);
  return bridge.slice(0, -"/bridge".length);
}

async function missingPackages(requirements: readonly Requirement[]): Promise<string[]> {
  const found = await Promise.all(
    // iproute2 has a program called bridge, too.
    requirements.map(({ program }) =>
      program === "bridge" ? findExecutable(program, CNI_DIRECTORIES, "only") : findExecutable(program),
    ),
  );
  return requirements.filter((_, index) => found[index] === undefined).map((r) => r.package);
}

async function isDebianLike(): Promise<boolean> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release);
}

async function install(apt: string, packages: string[], log: string): Promise<void> {
  const file = await open(log, "a", 0o600);
  const env = { ...process.env, PATH: SYSTEM_PATH, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  const lock = ["-o", "DPkg::Lock::Timeout=120"];
  const logged = async (args: string[]) => {
    const output = await run(apt, args, { env, timeoutMs: INSTALL_TIMEOUT_MS });
    await file.write(output);
  };
  try {
    // A source that does not answer matters only if a package cannot be had without it; the installation tells.
    await logged([...lock, "update"]).catch((error: LocalError) => file.write(`${error.message}\n`));
    await logged([...lock, "install", "--yes", "--no-install-recommends", ...packages]);
  } catch (error) {
    const reason = error instanceof LocalError ? error.message : lastLines(log);
    throw new LocalError(`cannot install ${packages.join(" ")}: ${reason}`);
  } finally {
    await file.close();
  }
}

/**
 * Debian starts and enables a service when its package is installed. A containerd that only our own instance needs must
 * not begin to run on the machine: its unit is masked until the next boot at most, then disabled. One that was there
 * before is not in `packages` and is not touched.
 */
async function withoutServices(packages: string[], work: () => Promise<void>): Promise<void> {
  const running = await readFile("/proc/1/comm", "utf8").catch(() => "");
  const systemctl =
    running.trim() === "systemd" && packages.includes("containerd") ? await findExecutable("systemctl") : undefined;
  if (!systemctl) return work();
  await run(systemctl, ["mask", "--runtime", "containerd.service"]);
  try {
    await work();
  } finally {
    await run(systemctl, ["unmask", "--runtime", "containerd.service"]);
    await run(systemctl, ["disable", "containerd.service"]);
  }
}
