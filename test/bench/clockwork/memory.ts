import { get } from "node:http";
import { performance } from "node:perf_hooks";
import { type MemorySeen, watchMemory } from "../resident-memory.ts";
import type { BenchFacade } from "./facade.ts";

const IN_EACH_JOB = '"slurm":{';

/** What a very long answer took. */
export interface LongAnswer extends MemorySeen {
  title: string;
  jobs: number;
  megabytes: number;
  seconds: number;
}

/** Asks for a list as an administrator and reads it to its end. */
export async function readLongAnswer(facade: BenchFacade, title: string, path: string): Promise<LongAnswer> {
  return await watchMemory(facade.pid, async () => {
    const begin = performance.now();
    const { bytes, jobs } = await readAll(facade, path);
    return { title, jobs, megabytes: bytes / 1e6, seconds: (performance.now() - begin) / 1000 };
  });
}

function readAll(facade: BenchFacade, path: string): Promise<{ bytes: number; jobs: number }> {
  const headers = facade.credentials.administrator;
  return new Promise((resolve, reject) => {
    get(
      { host: "127.0.0.1", port: facade.port, path: `/api/v1/clusters${path}`, headers, agent: false },
      (response) => {
        let bytes = 0;
        let jobs = 0;
        let end: Buffer = Buffer.alloc(0);
        response.on("data", (piece: Buffer) => {
          bytes += piece.length;
          // Once in each job, also where it lies across two pieces.
          const seen = Buffer.concat([end, piece]);
          jobs += occurrences(seen, IN_EACH_JOB);
          end = seen.subarray(-IN_EACH_JOB.length + 1);
        });
        response.on("error", reject);
        response.on("end", () =>
          response.statusCode === 200 ? resolve({ bytes, jobs }) : reject(new Error(`${path}: ${response.statusCode}`)),
        );
      },
    ).on("error", reject);
  });
}

function occurrences(piece: Buffer, text: string): number {
  let count = 0;
  for (let at = piece.indexOf(text); at >= 0; at = piece.indexOf(text, at + 1)) count += 1;
  return count;
}
