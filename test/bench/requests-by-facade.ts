import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

const READS = new Set(["list", "get"]);

/** How many lists and gets of the facade the API server's audit log holds. */
export async function requestsByFacade(auditLog: string): Promise<number> {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(auditLog) })) {
    if (!line.includes('"userAgent":"odin-api"')) continue;
    const event = JSON.parse(line) as { stage?: string; verb?: string };
    if (event.stage === "ResponseComplete" && READS.has(event.verb ?? "")) count += 1;
  }
  return count;
}
