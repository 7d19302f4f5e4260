/** A request as the proxy saw it. */
export interface SeenRequest {
  method: string;
  /** Path with its query. */
  url: string;
  query: URLSearchParams;
  authorization: string | undefined;
  /** Of the body, as the client announces it; 0 where it does not. */
  bytes: number;
}

/** What the proxy does instead of passing a request on; `forward` and nothing mean to pass it on unharmed. */
export type Fault =
  | { kind: "forward" }
  /** Answers itself; the API server never sees the request. */
  | { kind: "answer"; status: number; headers?: Record<string, string>; body?: string }
  /** Answers 200 with these lines and then keeps the connection open or ends it. */
  | { kind: "lines"; lines: string[]; end: boolean }
  /** Closes the connection without an answer; the API server never sees the request. */
  | { kind: "refuse" }
  /** Lets the API server carry the request out and drops its answer. */
  | { kind: "dropAnswer" }
  /** Passes the answer on and cuts the connection after so many bytes of its body. */
  | { kind: "cutBody"; afterBytes: number }
  /** Never answers. */
  | { kind: "hang" }
  /** Passes the answer on, or each piece of a watch, so much later. */
  | { kind: "delay"; ms: number }
  /** Lets the API server carry the request out, does `act` with the status of its answer, and only then passes the answer on. */
  | { kind: "beforeAnswer"; act: (status: number) => void | Promise<void> }
  /** Takes the whole request, does `act` with its body, and only then passes it on, also if the client has gone by then. */
  | { kind: "beforeRequest"; act: (body: Buffer) => Promise<void> };
