import { inspect } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import { Registry } from "prom-client";
import { type Facade, startFacade } from "../../../api/facade.ts";
import type { Route } from "../../../api/route.ts";
import { type ApiSettings, readApiSettings } from "../../../api/settings.ts";
import type { Job, Pipeline, PipelineStatus } from "../../../crds/generated/types.ts";
import { ANNOTATIONS, LABELS, MANAGED_BY, podName } from "../../../crds/names.ts";
import { API_VERSION, JOB, PIPELINE } from "../../../crds/resources.ts";
import { snapshotOfJob } from "../../../crds/snapshot.ts";
import { KubeClient } from "../../../kube/client.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { DocumentedReplies } from "../../support/documented-reply.ts";
import { testVariable } from "../../support/kubectl.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { temporaryNamespace, untilDefaultAccount } from "../../support/temporary-namespace.ts";
import { type Answer, send, sendJson } from "../../unit/api/served.ts";

const CONFIG_MAP = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };
const POD = { group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true };
const EVENT = { group: "", version: "v1", plural: "events", kind: "Event", namespaced: true };

export const ROOT_USER = "dpressel";
export const ROOT_PASSWORD = "dpressel's password";
export const SECRET = "the secret of the integration tests, long enough";

/** Families that are ready by themselves, each waited for where a test sets something of it. */
const FAMILIES = [
  { settings: "CLOCKWORK_", path: "/api/v1/clusters/jobs/list" },
  { settings: "MLBENCH_", path: "/api/" },
  { settings: "VESTA_", path: "/states/" },
];
const READY_MS = 60_000;

const documented = new DocumentedReplies();

/** A namespace with a facade that serves it, and a client that plays the operator and the kubelet. */
export class FacadeStage {
  readonly namespace: string;
  readonly client: KubeClient;
  readonly logLines: Record<string, unknown>[] = [];
  readonly #running: { facade: Facade; client: KubeClient }[] = [];
  /** Passwords, tokens and keys that went through this stage: none of them may reach the log. */
  readonly #secrets = new Set([SECRET, ROOT_PASSWORD]);
  #token = "";
  /** The work tree of the jobs, which all facades of the stage share. */
  readonly repository: string;
  readonly #remove: () => Promise<void>;

  private constructor(namespace: string, repository: string, remove: () => Promise<void>) {
    this.namespace = namespace;
    this.repository = repository;
    this.#remove = remove;
    this.client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
  }

  /** Makes the namespace and starts the facade. */
  static async open(env: Record<string, string> = {}, config?: KubeConfig): Promise<FacadeStage> {
    const namespace = await temporaryNamespace("api");
    const repository = await temporaryDirectory();
    const stage = new FacadeStage(namespace.name, repository.path, async () => {
      await namespace.remove();
      await repository.remove();
    });
    try {
      await stage.start(env, config);
      await untilDefaultAccount(stage.namespace);
      return stage;
    } catch (error) {
      // uvu says nothing about a hook that throws.
      console.error(error);
      throw error;
    }
  }

  /**
   * Starts a facade in this namespace, beside any that runs there already: `port` is then the new one's. With `wait` false it
   * may not be ready yet.
   */
  async start(env: Record<string, string> = {}, config: KubeConfig = kubeConfig(), wait = true): Promise<Facade> {
    for (const [name, value] of Object.entries(env)) if (/SECRET$|PASS$|PREVIOUS$/.test(name)) this.#secrets.add(value);
    const settings: ApiSettings = readApiSettings(["--listen", "127.0.0.1:0"], {
      ODIN_STORE: "none",
      ODIN_SECRET: SECRET,
      ODIN_ROOT_USER: ROOT_USER,
      ODIN_ROOT_PASS: ROOT_PASSWORD,
      ODIN_REPOSITORY: this.repository,
      CLOCKWORK_NAMESPACES: this.namespace,
      MLBENCH_NAMESPACE: this.namespace,
      ...env,
    });
    const log = (level: string) => (fields: object, msg: string) => {
      this.logLines.push({ level, ...fields, msg });
    };
    const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
    const client = new KubeClient({ kubeConfig: config, userAgent: "odin-api-test", timeoutMs: 20_000 });
    const facade = await startFacade({ settings, namespace: this.namespace, client, logger, registry: new Registry() });
    this.#running.push({ facade, client });
    if (wait) {
      await facade.ready;
      await this.login();
      const asked = FAMILIES.filter(({ settings: prefix }) => Object.keys(env).some((name) => name.startsWith(prefix)));
      await Promise.all(asked.map(({ path }) => this.#untilKnown(path)));
    }
    return facade;
  }

  /** Waits until a family knows its objects; until then it says 503. */
  async #untilKnown(path: string): Promise<void> {
    const look = async (): Promise<number> => (await send(this.port, "GET", path)).status;
    await until(look, READY_MS, { describe: `${path} is served`, accept: (status) => status !== 503 });
  }

  /** Stops every facade of this namespace. */
  async stop(): Promise<void> {
    for (const { facade, client } of this.#running.splice(0)) {
      await facade.stop();
      client.close();
    }
  }

  /** Stops everything, removes the namespace, and throws if the log of all that happened holds a secret (O-15). */
  async close(): Promise<void> {
    await this.stop();
    this.client.close();
    await this.#remove();
    const secrets = [...this.#secrets];
    const telling = this.logLines.filter((line) => {
      const text = inspect(line, { depth: 12, maxArrayLength: null, maxStringLength: null });
      return secrets.some((secret) => text.includes(secret));
    });
    if (telling.length > 0) {
      const problem = `O-15: ${telling.length} lines of the facade's log hold a password, a token or a key`;
      console.error(problem, telling.slice(0, 3));
      throw new Error(problem);
    }
  }

  get port(): number {
    return Number(new URL(this.#running.at(-1)?.facade.url ?? "http://nobody:0").port);
  }

  /** Everything that the facade serves. */
  get routes(): readonly Route[] {
    return this.#running.at(-1)?.facade.routes ?? [];
  }

  get token(): string {
    return this.#token;
  }

  /** Logs the root user in; later calls carry the token. */
  async login(): Promise<void> {
    const answer = await sendJson(this.port, "POST", "/v1/auth", { username: ROOT_USER, password: ROOT_PASSWORD });
    this.#token = String(answer.json.message);
    if (typeof answer.json.message === "string") this.#secrets.add(this.#token);
  }

  /** A GET as anybody. */
  async get(path: string): Promise<Answer> {
    return checked("GET", path, await send(this.port, "GET", path));
  }

  /** A call as the root user. */
  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers = { authorization: `Bearer ${this.#token}` };
    for (const password of passwordsIn(body)) this.#secrets.add(password);
    const answer =
      body === undefined
        ? await send(this.port, method, path, { headers })
        : await sendJson(this.port, method, path, body, headers);
    return checked(method, path, answer);
  }

  /** Starts a run over REST and returns its id. */
  async launch(job: string): Promise<string> {
    const answer = await this.call("POST", "/v1/pipelines", { pipeline: { job } });
    return (answer.json.pipeline as { id: string }).id;
  }

  async applyJob(name: string, spec: Job["spec"]): Promise<Job> {
    const body = { apiVersion: API_VERSION, kind: "Job", metadata: { name }, spec };
    return await this.client.create<Job>(collectionPath(JOB, this.namespace), body);
  }

  async createRun(name: string, spec: Pipeline["spec"]): Promise<Pipeline> {
    const body = { apiVersion: API_VERSION, kind: "Pipeline", metadata: { name }, spec };
    return await this.client.create<Pipeline>(collectionPath(PIPELINE, this.namespace), body);
  }

  async run(name: string): Promise<Pipeline> {
    return await this.client.get<Pipeline>(objectPath(PIPELINE, this.namespace, name));
  }

  /** Writes a run's status, as the operator does. */
  async setStatus(name: string, status: PipelineStatus): Promise<void> {
    await this.client.patch(objectPath(PIPELINE, this.namespace, name, "status"), "merge", { status });
  }

  /** Freezes a job, as the operator does, and returns the name of the snapshot. */
  async freeze(job: Job): Promise<string> {
    const snapshot = snapshotOfJob(job);
    await this.client.create(collectionPath(CONFIG_MAP, this.namespace), snapshot);
    return snapshot.metadata.name;
  }

  /** Creates the pod of an attempt, as the operator does. */
  async createPod(run: string, task: string, attempt = 1): Promise<string> {
    const { uid } = (await this.run(run)).metadata;
    const name = podName(run, task, attempt);
    await this.client.create(collectionPath(POD, this.namespace), {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name,
        labels: { [LABELS.managedBy]: MANAGED_BY, [LABELS.run]: run, [LABELS.task]: task },
        annotations: { [ANNOTATIONS.task]: task, [ANNOTATIONS.attempt]: String(attempt) },
        ownerReferences: [{ apiVersion: API_VERSION, kind: "Pipeline", name: run, uid, controller: true }],
      },
      spec: { restartPolicy: "Never", containers: [{ name: "main", image: "image:1" }] },
    });
    return name;
  }

  /** Waits until the facade has seen a pod of a run that no node has; of one that it knows from the run's status alone it does not say this. */
  async untilPodSeen(run: string, pod: string): Promise<void> {
    const look = async (): Promise<string> => (await this.get(`/v1/resources/${run}/logs`)).text;
    const shown = `${pod}\\n----------------\\n(no log yet: `;
    await until(look, READY_MS, { describe: `${pod} has been seen`, accept: (text) => text.includes(shown) });
  }

  async pod(name: string): Promise<KubeObject> {
    return await this.client.get<KubeObject>(objectPath(POD, this.namespace, name));
  }

  /** Records an event about a pod, as the kubelet does. */
  async kubeletEvent(
    pod: string,
    fields: { type: string; reason: string; message: string; time: string },
    host = "dpressel",
  ): Promise<void> {
    const { time, ...rest } = fields;
    await this.client.create(collectionPath(EVENT, this.namespace), {
      apiVersion: "v1",
      kind: "Event",
      metadata: { generateName: `${pod}.` },
      involvedObject: { apiVersion: "v1", kind: "Pod", name: pod, namespace: this.namespace },
      source: { component: "kubelet", host },
      firstTimestamp: time,
      lastTimestamp: time,
      ...rest,
    });
  }
}

/** Every password of a body; short ones are words that a log may hold. */
function passwordsIn(body: unknown): string[] {
  if (body === null || typeof body !== "object") return [];
  return Object.entries(body).flatMap(([key, value]) =>
    key === "password" && typeof value === "string" && value.length >= 8 ? [value] : passwordsIn(value),
  );
}

/** The answer, if it is what the OpenAPI document says; every test over this stage so holds the document to the truth. */
function checked(method: string, path: string, answer: Answer): Answer {
  const difference = documented.difference(method, path, answer);
  if (difference !== undefined) throw new Error(`not as documented: ${difference}`);
  return answer;
}

/** The configuration of the API server of the tests. */
export function kubeConfig(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(testVariable("KUBECONFIG"));
  return config;
}
