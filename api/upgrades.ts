import { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** A part of the server that speaks another protocol than HTTP on connections that ask for it. */
export interface Upgrades {
  /** Whether a target is one of its own. */
  owns(target: string): boolean;
  /** Gets the connection of such a request for good, with what was already read behind the request's head. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends these connections, soon: the server closes, and otherwise would wait for them for ever. */
  stop(): void;
}

const ASKED = Symbol("asked for another protocol");

/**
 * The class of a server's requests. Node hands over every connection that asks for any other protocol once somebody listens for that; many clients ask for HTTP/2 at
 * their first request and need an answer in HTTP/1.1. So the question is not seen, unless the target is one of `upgrades`; CONNECT stays what it is.
 */
export function selectiveRequests({ owns }: Upgrades): typeof IncomingMessage {
  class SelectiveRequest extends IncomingMessage {
    // Only declared: Node's constructor sets `upgrade`, which a field that is made after it would forget.
    declare [ASKED]: boolean | null;

    // Not told of by Node's types: its parser sets it, and looks at it when line and headers are there.
    get upgrade(): boolean | null {
      const upgrade = this[ASKED] ?? null;
      return upgrade === true && this.method !== "CONNECT" && !owns(this.url ?? "") ? false : upgrade;
    }

    set upgrade(value: boolean | null) {
      this[ASKED] = value;
    }
  }
  return SelectiveRequest;
}
