import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { type Networks, plainAddress } from "./networks.ts";

/**
 * Who sent a request (M-14, V-21): the other end of its connection; where that is a configured proxy, the last address of `X-Forwarded-For` that is none. An
 * entry there that is no address is given as it is, and nobody's.
 */
export function clientAddress(
  { socket, headers }: Pick<IncomingMessage, "socket" | "headers">,
  proxies: Networks,
): string {
  let address = plainAddress(socket.remoteAddress ?? "");
  if (!proxies.has(address)) return address;
  const forwarded = [headers["x-forwarded-for"] ?? []].flat().join(",").split(",");
  while (proxies.has(address)) {
    const entry = forwarded.pop()?.trim() ?? "";
    if (entry === "") break;
    address = plainAddress(withoutPort(entry));
  }
  return address;
}

/** `1.2.3.4:567` and `[::1]:567` as some proxies write them. */
function withoutPort(entry: string): string {
  if (isIP(entry) !== 0) return entry;
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(entry) ?? [];
  return bracketed ?? plain ?? entry;
}
