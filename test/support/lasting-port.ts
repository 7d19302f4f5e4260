import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { freePorts } from "../../local/ports.ts";

const LOWEST = 15_000;
/** From here on services of a cluster have ports on its nodes. */
const HIGHEST = 29_999;
const TRIES = 100;

/**
 * A TCP port of 127.0.0.1 that is free, and that the system gives to nobody by itself: a server that is stopped and started again still has it, although
 * others have made connections and servers meanwhile.
 */
export async function lastingPort(): Promise<number> {
  const highest = Math.min(HIGHEST, firstGivenAway() - 1);
  for (let tries = 0; tries < TRIES && highest > LOWEST; tries++) {
    const port = LOWEST + Math.floor(Math.random() * (highest - LOWEST));
    if (await isFree(port)) return port;
  }
  // A system that gives away all ports has no better ones.
  const [port = 0] = await freePorts(1);
  return port;
}

/** The first of the ports that the system chooses from for connections, and for servers that ask for any. */
function firstGivenAway(): number {
  try {
    return Number(/^\d+/.exec(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8"))?.[0] ?? 0);
  } catch {
    return 0;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
