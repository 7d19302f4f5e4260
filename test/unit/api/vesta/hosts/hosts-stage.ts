import type { GpuData, Payload } from "../../../../../api/vesta/hosts/host.ts";
import type { MessageStatements } from "../../../../../api/vesta/hosts/host-event.ts";
import { Hosts, type HostsOptions } from "../../../../../api/vesta/hosts/hosts.ts";
import { silentLogger } from "../../../../../kube/logger.ts";
import type { Sql } from "../../../../../store/sql.ts";
import { VestaHistory } from "../../../../../store/vesta-history.ts";
import { VestaHosts } from "../../../../../store/vesta-hosts.ts";
import { messageInsertionIf } from "../../../../../store/vesta-messages.ts";

/** A GPU as a sender tells of it. */
export function gpu(more: Partial<GpuData> = {}): GpuData {
  return {
    ...{ device_num: 0, uuid: "GPU-1", gpu_name: "TITAN V", timestamp: "2018/11/23 20:45:14.123", temperature: 37 },
    ...{ total_memory: 12_066, available_memory: 12_000, used_memory: 66, gpu_volatile: 3 },
    processes: [{ pid: "7", name: "python", user: "ada", used_memory: 60 }],
    ...more,
  };
}

/** A payload of one GPU whose use tells it from others. */
export function payload(gpu_volatile = 3): Payload {
  return { "gpu:0": gpu({ gpu_volatile }) };
}

/** Puts each event into the queue of messages as `kind host`. */
export const messages: MessageStatements = (event, when = { text: "1 = 1" }) => [
  messageInsertionIf(
    { target: "webhook", body: "host" in event ? `${event.kind} ${event.host}` : event.kind, madeAt: 1 },
    when,
  ),
];

/** What the queue of messages holds, in order. */
export async function told(sql: Sql): Promise<string[]> {
  const rows = await sql.read({ text: "SELECT body FROM vesta_message ORDER BY id" });
  return rows.map(({ body }) => String(body));
}

/** Hosts of one process on a store that may be others' too; `clock.now` is its time. They are read, and read no more by themselves. */
export async function hostsOn(
  sql: Sql,
  writer: string,
  clock: { now: number },
  more: Partial<HostsOptions> = {},
): Promise<Hosts> {
  const hosts = new Hosts({
    ...{
      store: new VestaHosts(sql, writer),
      history: new VestaHistory(sql),
      messages,
      order: "ip",
      saveEveryMs: 60_000,
    },
    ...{ logger: silentLogger, now: () => clock.now, ...more },
  });
  await hosts.refresh();
  return hosts;
}
