import { generateCase } from "./generate-case.ts";
import { play } from "./play.ts";

const seed = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 1);
for (let current = seed; current < seed + count; current++) {
  const startedAt = process.hrtime.bigint();
  const played = await play(generateCase(current), count === 1);
  const ms = Number(process.hrtime.bigint() - startedAt) / 1e6;
  if (count === 1) for (const line of played.trace) process.stdout.write(`${line}\n`);
  const { violations, steps, virtualMs, requests, digest, phases } = played;
  process.stdout.write(`${current} ${digest} ${ms.toFixed(0)}ms steps ${steps} virtual ${(virtualMs / 1000).toFixed(0)}s requests ${requests} ${JSON.stringify(phases)} ${violations.map(({ rule, message, atMs }) => `\n   ${rule} at ${atMs.toFixed(0)}: ${message}`)}\n`);
}
