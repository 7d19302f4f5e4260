import { once } from "node:events";
import { PassThrough } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { ExecOptions } from "../../../kube/exec.ts";
import type { ExecProgram } from "../controller/rank-command.ts";

/**
 * What a program writes to either output, as it comes. Ends with the program, whatever its exit status is; throws what `exec` rejects with. The program's
 * connection is ended with the generator, or by `signal`.
 */
export async function* execOutput(
  exec: ExecProgram,
  program: Omit<ExecOptions, "onData" | "signal">,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const own = new AbortController();
  const abort = () => own.abort();
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  const through = new PassThrough({ readableObjectMode: true, decodeStrings: false, encoding: "utf8" });
  const decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  const ended = exec({
    ...program,
    signal: own.signal,
    onData: async (stream, chunk) => {
      const text = decoders[stream].write(chunk);
      if (text !== "" && !through.write(text)) await once(through, "drain", { signal: own.signal });
    },
  }).then(
    () => through.end(decoders.stdout.end() + decoders.stderr.end()),
    (error: unknown) => through.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  try {
    for await (const text of through) yield String(text);
  } finally {
    own.abort();
    signal.removeEventListener("abort", abort);
    await ended;
  }
}
