import { EventEmitter } from "node:events";
import { type ClientRequest, IncomingMessage, type RequestOptions } from "node:http";
import type { Socket } from "node:net";

/** A request as the network carries it. */
export interface SentRequest {
  host: string;
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  body: Buffer | undefined;
  /** Called once the program has given the request up. */
  onGivenUp: () => void;
  /** What the program gets. Nothing arrives any more once it has given up. */
  answer(status: number, headers: Record<string, string>, body: string): void;
  open(headers: Record<string, string>): AnswerStream;
  fail(code: string): void;
}

/** An answer that goes on until somebody ends it. */
export interface AnswerStream {
  write(text: string): void;
  end(): void;
  /** Breaks the connection. */
  cut(): void;
}

/** Stands for the connection: answers here are pushed and never read from one. */
const NO_SOCKET = {
  readable: false,
  readableHighWaterMark: 65_536,
  destroyed: true,
  connecting: false,
} as unknown as Socket;

/** A request to the simulated network; to the client it is one of `node:http`. */
class FakeRequest extends EventEmitter {
  readonly reusedSocket = true;
  readonly #options: RequestOptions;
  readonly #send: (request: SentRequest) => void;
  #sent: SentRequest | undefined;
  #message: IncomingMessage | undefined;
  #over = false;

  constructor(options: RequestOptions, send: (request: SentRequest) => void) {
    super();
    this.#options = options;
    this.#send = send;
    // The connections of this network are always there.
    process.nextTick(() => this.emit("socket", NO_SOCKET));
  }

  end(body?: Buffer): this {
    const { host, method, path, headers } = this.#options;
    this.#sent = {
      host: host ?? "",
      method: method ?? "GET",
      path: path ?? "/",
      headers: (headers ?? {}) as Record<string, string>,
      body,
      onGivenUp: () => undefined,
      answer: (status, answerHeaders, text) => this.#answer(status, answerHeaders, text),
      open: (answerHeaders) => this.#open(answerHeaders),
      fail: (code) => this.#fail(code),
    };
    this.#send(this.#sent);
    return this;
  }

  destroy(): this {
    if (this.#over) return this;
    this.#over = true;
    this.#sent?.onGivenUp();
    this.#message?.destroy();
    return this;
  }

  #respond(status: number, headers: Record<string, string>): IncomingMessage {
    const message = new IncomingMessage(NO_SOCKET);
    message.statusCode = status;
    message.headers = headers;
    this.#message = message;
    message.once("close", () => {
      if (!this.#over && !message.complete) this.#sent?.onGivenUp();
      this.#over = true;
    });
    this.emit("response", message);
    return message;
  }

  #answer(status: number, headers: Record<string, string>, text: string): void {
    if (this.#over) return;
    const message = this.#respond(status, headers);
    message.complete = true;
    if (text !== "") message.push(Buffer.from(text));
    message.push(null);
  }

  #open(headers: Record<string, string>): AnswerStream {
    if (this.#over) return { write() {}, end() {}, cut() {} };
    const message = this.#respond(200, headers);
    return {
      write: (text) => {
        if (!message.destroyed) message.push(Buffer.from(text));
      },
      end: () => {
        message.complete = true;
        if (!message.destroyed) message.push(null);
      },
      cut: () => {
        if (!message.destroyed) message.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
      },
    };
  }

  #fail(code: string): void {
    if (this.#over) return;
    if (this.#message !== undefined) this.#message.destroy(Object.assign(new Error(`read ${code}`), { code }));
    else this.emit("error", Object.assign(new Error(`connect ${code}`), { code }));
  }
}

/** A stand-in for `http.request` whose requests go to `send`. */
export function fakeRequest(send: (request: SentRequest) => void): (options: RequestOptions) => ClientRequest {
  return (options) => new FakeRequest(options, send) as unknown as ClientRequest;
}
