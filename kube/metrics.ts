import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Buckets in seconds for calls of some milliseconds to a minute. */
const REQUEST_BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];
const QUEUE_BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300];

/** What a live client, informer or queue shows when the registry is scraped; read synchronously from memory. */
export interface ClientSource {
  limit: number;
  sockets(): number;
  /** Requests that the server last refused for want of a right. */
  missingRights(): readonly { verb: string; resource: string }[];
}
/** As `ClientSource`, for an informer. */
export interface InformerSource {
  label: string;
  size: number;
  /** Seconds since the last byte of the watch, undefined before the first. */
  readonly lastEventAgeSeconds: () => number | undefined;
}
/** As `ClientSource`, for a work queue. */
export interface QueueSource {
  name: string;
  depth: number;
  busy: number;
  unfinishedSeconds(): number;
  longestRunningSeconds(): number;
}

/** The metrics of this layer on one registry. No label ever holds the name of an object. */
export interface KubeMetrics {
  requests: Counter<"verb" | "resource" | "code">;
  requestSeconds: Histogram<"verb" | "resource">;
  requestBytes: Counter<"verb" | "resource">;
  inFlight: Gauge<"lane">;
  limiterSeconds: Histogram<"lane">;
  relists: Counter<"resource" | "reason">;
  gaps: Counter<"resource">;
  watchRestarts: Counter<"resource" | "reason">;
  handlerErrors: Counter<"resource">;
  queueAdds: Counter<"queue_name">;
  queueRetries: Counter<"queue_name">;
  queueWaitSeconds: Histogram<"queue_name">;
  queueRunSeconds: Histogram<"queue_name">;
  errors: Counter<"cause">;
  leaseTransitions: Counter<"lease">;
  isLeader: Gauge<"lease">;
  clients: Set<ClientSource>;
  informers: Set<InformerSource>;
  queues: Set<QueueSource>;
}

const known = new WeakMap<Registry, KubeMetrics>();

/**
 * The metrics on `registry`, made on first use and shared by all that use the same registry (a name can be registered
 * only once). Without a registry they are counted on one that nobody reads.
 */
export function kubeMetrics(registry: Registry = new Registry()): KubeMetrics {
  const existing = known.get(registry);
  if (existing) return existing;
  const metrics = register(registry);
  known.set(registry, metrics);
  return metrics;
}

function register(registry: Registry): KubeMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name: `odin_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Gauge({ name: `odin_${name}`, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: L[], buckets: number[]) =>
    new Histogram({ name: `odin_${name}`, help, labelNames, buckets, registers });
  const metrics: KubeMetrics = {
    requests: counter("api_requests_total", "Requests to the API server; code 0: no answer.", [
      "verb",
      "resource",
      "code",
    ]),
    requestSeconds: histogram(
      "k8s_request_duration_seconds",
      "Time from sending a request to the end of its answer.",
      ["verb", "resource"],
      REQUEST_BUCKETS,
    ),
    requestBytes: counter("api_request_bytes_total", "Bytes of request bodies sent.", ["verb", "resource"]),
    inFlight: gauge("k8s_requests_in_flight", "Requests sent and not yet answered.", ["lane"]),
    limiterSeconds: histogram(
      "client_rate_limiter_latency_seconds",
      "Time that requests waited for a slot.",
      ["lane"],
      REQUEST_BUCKETS,
    ),
    relists: counter("informer_relists_total", "Full lists by informers.", ["resource", "reason"]),
    gaps: counter("informer_gaps_total", "Times that the server no longer had the history a watch needed.", [
      "resource",
    ]),
    watchRestarts: counter("informer_watch_ends_total", "Watches that ended, by cause.", ["resource", "reason"]),
    handlerErrors: counter("informer_handler_errors_total", "Handlers and projections of informers that threw.", [
      "resource",
    ]),
    queueAdds: counter("queue_adds_count", "Keys added to a work queue.", ["queue_name"]),
    queueRetries: counter("queue_retries", "Runs that failed and were put off.", ["queue_name"]),
    queueWaitSeconds: histogram("queue_latency", "Seconds from queued to started.", ["queue_name"], QUEUE_BUCKETS),
    queueRunSeconds: histogram("queue_duration", "Seconds of one run.", ["queue_name"], QUEUE_BUCKETS),
    errors: counter("error_count", "Runs of queues that failed, by what went wrong.", ["cause"]),
    leaseTransitions: counter("lease_transitions_total", "Times that leadership was won or lost.", ["lease"]),
    isLeader: gauge("is_leader", "1 while this process leads.", ["lease"]),
    clients: new Set(),
    informers: new Set(),
    queues: new Set(),
  };
  // From the start, so that the first of them is seen as an increase.
  for (const cause of ["invalid", "tooLarge", "conflict", "gone", "other", "internal"])
    metrics.errors.inc({ cause }, 0);
  registerSources(registry, metrics);
  return metrics;
}

function registerSources(registry: Registry, metrics: KubeMetrics): void {
  const registers = [registry];
  const sampled = <L extends string>(name: string, help: string, labelNames: L[], read: (gauge: Gauge<L>) => void) =>
    new Gauge<L>({
      name: `odin_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        read(this);
      },
    });
  sampled("k8s_concurrency_limit", "Requests that may be in flight.", [], (gauge) => {
    for (const client of metrics.clients) gauge.inc(client.limit);
  });
  sampled("k8s_sockets", "Open connections to the API server.", [], (gauge) => {
    for (const client of metrics.clients) gauge.inc(client.sockets());
  });
  sampled(
    "missing_rights",
    "1 for each right that the API server last refused this process for want of.",
    ["verb", "resource"],
    (gauge) => {
      for (const client of metrics.clients) for (const right of client.missingRights()) gauge.set({ ...right }, 1);
    },
  );
  sampled("informer_objects", "Objects in the cache.", ["resource"], (gauge) => {
    for (const informer of metrics.informers) gauge.inc({ resource: informer.label }, informer.size);
  });
  sampled("informer_last_event_age_seconds", "Seconds since the watch last brought a byte.", ["resource"], (gauge) => {
    const oldest = new Map<string, number>();
    for (const { label, lastEventAgeSeconds } of metrics.informers) {
      const age = lastEventAgeSeconds();
      if (age !== undefined) oldest.set(label, Math.max(age, oldest.get(label) ?? 0));
    }
    for (const [resource, age] of oldest) gauge.set({ resource }, age);
  });
  sampled("queue_depth_gauge", "Keys that wait to run now.", ["queue_name"], (gauge) => {
    for (const queue of metrics.queues) gauge.inc({ queue_name: queue.name }, queue.depth);
  });
  sampled("workers_busy_count", "Runs in progress.", ["queue_name"], (gauge) => {
    for (const queue of metrics.queues) gauge.inc({ queue_name: queue.name }, queue.busy);
  });
  sampled("queue_unfinished_work", "Seconds of work in progress, summed.", ["queue_name"], (gauge) => {
    for (const queue of metrics.queues) gauge.inc({ queue_name: queue.name }, queue.unfinishedSeconds());
  });
  sampled("queue_longest_running", "Seconds of the longest run in progress.", ["queue_name"], (gauge) => {
    for (const queue of metrics.queues) gauge.set({ queue_name: queue.name }, queue.longestRunningSeconds());
  });
}
