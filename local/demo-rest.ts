import type { DemoService } from "./demo-service.ts";
import { LocalError } from "./local-error.ts";

/** A run as `GET /v1/pipelines/{id}` shows it, as far as the demonstration reads it (O-64). */
export interface Run {
  id: string;
  status: "BUILDING" | "RUNNING" | "DONE" | "TERMINATED";
  message?: string;
  tasks: { name: string; status: string; message?: string; submitTime?: string; completionTime?: string }[];
}

/** The REST API as a user calls it: logs in, then asks. */
export class DemoRest {
  readonly #service: DemoService;
  readonly #token: string;

  private constructor(service: DemoService, token: string) {
    this.#service = service;
    this.#token = token;
  }

  static async login(service: DemoService): Promise<DemoRest> {
    const { message } = await call<{ message: string }>(service.url, "POST", "/v1/auth", undefined, {
      username: service.user,
      password: service.password,
    });
    return new DemoRest(service, message);
  }

  /** Starts a run of a job and returns its id. */
  async start(job: string): Promise<string> {
    const { pipeline } = await this.#call<{ pipeline: { id: string } }>("POST", "/v1/pipelines", { pipeline: { job } });
    return pipeline.id;
  }

  async run(id: string): Promise<Run> {
    return (await this.#call<{ pipeline: Run }>("GET", `/v1/pipelines/${id}`)).pipeline;
  }

  async logs(id: string): Promise<string> {
    return await this.#call<string>("GET", `/v1/resources/${id}/logs`);
  }

  #call<T>(method: string, path: string, body?: object): Promise<T> {
    return call<T>(this.#service.url, method, path, this.#token, body);
  }
}

async function call<T>(
  url: string,
  method: string,
  path: string,
  token: string | undefined,
  body?: object,
): Promise<T> {
  const response = await fetch(`${url}${path}`, {
    method,
    signal: AbortSignal.timeout(15_000),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new LocalError(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text) as T;
}
