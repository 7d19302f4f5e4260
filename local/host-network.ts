import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { findExecutable, run } from "./command.ts";
import { LocalError, systemCode } from "./local-error.ts";

/** The addresses of one cluster, none of which the machine uses otherwise. */
export interface Addresses {
  /** The machine's end of the link to the node. */
  host: string;
  /** The node, and the API server on it. */
  node: string;
  /** The pods' range, CIDR. */
  pods: string;
  mtu: number;
}

interface Route {
  dst?: string;
  dev?: string;
}
interface Link {
  ifname: string;
  mtu: number;
}

/** RFC 2544 sets 198.18.0.0/15 aside for tests between devices, so no real network that a machine talks to uses it. */
const LINKS_BASE = 198 * 2 ** 24 + 18 * 2 ** 16;
const PODS_BASE = 198 * 2 ** 24 + 19 * 2 ** 16;
const FORWARDING = "/proc/sys/net/ipv4/ip_forward";
/** What the setting was before the first cluster: lost at a reboot, as the setting is. */
const FORWARDING_BEFORE = "/run/odin-local/ip_forward";

/** Held by whoever chooses addresses or changes what the clusters of the machine share. */
export const NETWORK_LOCK = "/run/odin-local.lock";

/** The name of the machine's end of a cluster's link. */
export function linkName(clusterId: string): string {
  return `odin${clusterId}`;
}

/** Chooses a /30 for the link and a /24 for pods, from the cluster's id, that no address or route of the machine overlaps. */
export async function chooseAddresses(clusterId: string): Promise<Addresses> {
  const routes: Route[] = JSON.parse(await run("ip", ["-json", "-4", "route", "show", "table", "all"]));
  const used = routes.flatMap((route) => (route.dst && route.dst !== "default" ? [parseRange(route.dst)] : []));
  const isFree = (start: number, size: number) => !used.some((r) => start < r.start + r.size && r.start < start + size);
  const seed = Number.parseInt(clusterId, 16) >>> 0;
  for (let attempt = 0; attempt < 256; attempt++) {
    const link = LINKS_BASE + ((seed + attempt * 4099) % 16_384) * 4;
    const pods = PODS_BASE + ((seed + attempt) % 256) * 256;
    if (isFree(link, 4) && isFree(pods, 256)) {
      return {
        host: dotted(link + 1),
        node: dotted(link + 2),
        pods: `${dotted(pods)}/24`,
        mtu: await outboundMtu(routes),
      };
    }
  }
  throw new LocalError("no free addresses in 198.18.0.0/15 for a local cluster; stop others with `npm run down`");
}

/**
 * Links the machine with the network namespace of `namespacePid` and routes the pods' range there, so that processes on
 * the machine reach pods. All of it disappears with the namespace.
 */
export async function createLink(clusterId: string, namespacePid: number, a: Addresses): Promise<void> {
  const name = linkName(clusterId);
  await run("ip", [
    "link",
    "add",
    name,
    "mtu",
    String(a.mtu),
    "type",
    "veth",
    "peer",
    "name",
    "eth0",
    "netns",
    String(namespacePid),
  ]);
  await run("ip", ["address", "add", `${a.host}/30`, "dev", name]);
  await run("ip", ["link", "set", name, "up"]);
  const inside = ["--target", String(namespacePid), "--net", "--", "ip"];
  await run("nsenter", [...inside, "link", "set", "lo", "up"]);
  await run("nsenter", [...inside, "link", "set", "eth0", "mtu", String(a.mtu), "up"]);
  await run("nsenter", [...inside, "address", "add", `${a.node}/30`, "dev", "eth0"]);
  await run("nsenter", [...inside, "route", "add", "default", "via", a.host]);
  await run("ip", ["route", "add", a.pods, "via", a.node, "dev", name]);
}

/**
 * Lets the node reach what the machine reaches (images of a registry, for example): forwarding switched on, one rule that
 * hides the node behind the machine's address, and rules that let its connections through a firewall while none from
 * outside gets in. Best effort: a cluster without it works, only without an outside.
 */
export async function openOutbound(clusterId: string, a: Addresses): Promise<void> {
  const iptables = await findExecutable("iptables");
  if (!iptables) return;
  const name = linkName(clusterId);
  const tag = ["-m", "comment", "--comment", ruleTag(clusterId)];
  const established = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"];
  try {
    await run(iptables, [
      "-w",
      "-t",
      "nat",
      "-A",
      "POSTROUTING",
      "-s",
      `${a.node}/32`,
      "!",
      "-o",
      name,
      ...tag,
      "-j",
      "MASQUERADE",
    ]);
    await run(iptables, ["-w", "-I", "FORWARD", "-o", name, ...tag, "-j", "DROP"]);
    await run(iptables, ["-w", "-I", "FORWARD", "-o", name, ...established, ...tag, "-j", "ACCEPT"]);
    await run(iptables, ["-w", "-I", "FORWARD", "-i", name, ...tag, "-j", "ACCEPT"]);
  } catch {
    // Half of the rules would be of no use and maybe of harm.
    await removeRules(clusterId);
    return;
  }
  if ((await readFile(FORWARDING, "utf8")).trim() === "1") return;
  await mkdir(dirname(FORWARDING_BEFORE), { recursive: true });
  await writeFile(FORWARDING_BEFORE, "0");
  await writeFile(FORWARDING, "1").catch(() => {}); // A machine that forbids it has no outside for its clusters.
}

/** Removes the link and rules of a cluster; the last one to go restores forwarding. Nothing there is no error. */
export async function closeNetwork(clusterId: string): Promise<void> {
  const links = await allLinks();
  if (links.some((link) => link.ifname === linkName(clusterId))) {
    // Gone at the same moment if its namespace died just now.
    await run("ip", ["link", "delete", linkName(clusterId)]).catch(() => {});
  }
  await removeRules(clusterId);
  if (links.some(({ ifname }) => /^odin[0-9a-f]{8}$/.test(ifname) && ifname !== linkName(clusterId))) return;
  try {
    const before = await readFile(FORWARDING_BEFORE, "utf8");
    await writeFile(FORWARDING, before);
    await rm(dirname(FORWARDING_BEFORE), { recursive: true });
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}

function ruleTag(clusterId: string): string {
  return `odin-local-${clusterId}`;
}

async function removeRules(clusterId: string): Promise<void> {
  const iptables = await findExecutable("iptables");
  if (!iptables) return;
  for (const table of ["nat", "filter"]) {
    // A table that the kernel does not have holds none of our rules.
    const rules = await run(iptables, ["-w", "-t", table, "-S"]).catch(() => "");
    for (const rule of rules.split("\n").filter((line) => line.includes(ruleTag(clusterId)))) {
      const args = rule.replace(/^-A /, "-D ").replaceAll('"', "").split(" ");
      await run(iptables, ["-w", "-t", table, ...args]);
    }
  }
}

async function outboundMtu(routes: Route[]): Promise<number> {
  const device = routes.find((route) => route.dst === "default")?.dev;
  return (await allLinks()).find((link) => link.ifname === device)?.mtu ?? 1500;
}

async function allLinks(): Promise<Link[]> {
  if (!(await findExecutable("ip"))) return [];
  const links: Link[] = JSON.parse(await run("ip", ["-json", "link", "show"]));
  return links;
}

function parseRange(cidr: string): { start: number; size: number } {
  const [address = "", bits = "32"] = cidr.split("/");
  const start = address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  return { start, size: 2 ** (32 - Number(bits)) };
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}
