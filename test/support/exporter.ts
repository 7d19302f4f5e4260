import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";

/** How an exporter answers: a text, or whatever a test can think of. */
export type Behaviour = string | ((request: IncomingMessage, response: ServerResponse) => void);

/** An exporter of GPU readings on a real socket, whose behaviour a test changes as it goes. */
export class Exporter {
  behaviour: Behaviour;
  /** Requests so far. */
  requests = 0;
  /** Headers of the last request. */
  headers: IncomingMessage["headers"] = {};
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets = new Set<Socket>();
  readonly #host: string;
  readonly #tls: boolean;

  private constructor(behaviour: Behaviour, host: string, tls: ServerOptions | undefined) {
    this.behaviour = behaviour;
    this.#host = host;
    this.#tls = tls !== undefined;
    const listener: RequestListener = (request, response) => {
      this.requests++;
      this.headers = request.headers;
      response.on("error", () => undefined);
      if (typeof this.behaviour === "string") response.end(this.behaviour);
      else this.behaviour(request, response);
    };
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => undefined);
    });
  }

  /** Listens on a free port, or on the one that is asked for; with `tls`, as HTTPS. */
  static async start(
    behaviour: Behaviour,
    options: { host?: string; port?: number; tls?: ServerOptions } = {},
  ): Promise<Exporter> {
    const exporter = new Exporter(behaviour, options.host ?? "127.0.0.1", options.tls);
    await new Promise<void>((resolve, reject) => {
      exporter.#server.once("error", reject);
      exporter.#server.listen(options.port ?? 0, exporter.#host, resolve);
    });
    return exporter;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): URL {
    return new URL(`${this.#tls ? "https" : "http"}://${this.#host}:${this.port}/metrics`);
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

/** Sends one byte every `everyMs` and never ends. */
export function trickle(everyMs: number): Behaviour {
  return (_request, response) => {
    const timer = setInterval(() => response.write("#"), everyMs);
    response.on("close", () => clearInterval(timer));
  };
}

/** Takes the request and says nothing. */
export const silence: Behaviour = () => undefined;

/** Sends `bytes` bytes of one text again and again, as fast as they are taken. */
export function flood(text: string, bytes: number): Behaviour {
  return (_request, response) => {
    let left = bytes;
    const send = (): void => {
      while (left > 0 && !response.destroyed) {
        left -= text.length;
        if (!response.write(text)) {
          response.once("drain", send);
          return;
        }
      }
      response.end();
    };
    send();
  };
}
