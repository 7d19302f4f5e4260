import { Counter, Gauge, type Registry } from "prom-client";

/** Metrics of the messages to Slack. */
export interface MessageMetrics {
  waiting: Gauge;
  messages: Counter<"result">;
}

const RESULTS = ["sent", "put off", "refused", "given up"] as const;

/** Adds those metrics to a registry. */
export function messageMetrics(registry: Registry): MessageMetrics {
  const messages = new Counter({
    name: "odin_vesta_messages_total",
    help: "Tries to deliver a message of vesta to Slack, by result: `sent`, `put off` (tried again), `refused` by Slack for good, `given up` after a day or because too many wait.",
    labelNames: ["result"],
    registers: [registry],
  });
  for (const result of RESULTS) messages.inc({ result }, 0);
  const waiting = new Gauge({
    name: "odin_vesta_messages_waiting",
    help: "Messages of vesta that wait to be accepted by Slack, as the process that sends them last counted.",
    registers: [registry],
  });
  return { waiting, messages };
}
