import * as http from "node:http";
import * as https from "node:https";
import { isCertificateError } from "../../../kube/errors.ts";
import { inTime } from "../../../kube/in-time.ts";
import type { KubeletCredentials } from "./kubelet-credentials.ts";

/** Port at which a kubelet answers everybody, without TLS. */
const OPEN_PORT = 10_255;
/** For one answer, all of it (M-61). */
const ANSWER_MS = 4_000;
/** Largest answer that is read; that about a node with 500 pods has a tenth of it. */
const MAX_BYTES = 16 * 1024 * 1024;

/** How kubelets are asked. */
export interface KubeletAccess {
  port: number;
  credentials: Pick<KubeletCredentials, "next" | "refused" | "areUnchecked">;
}

/** Asks the kubelet at an address for a path and gives the pieces of its answer to `take`; rejects with an Error that says what went wrong. */
export async function readKubelet(
  access: KubeletAccess,
  address: string,
  path: string,
  take: (piece: Buffer) => void,
  stopped: AbortSignal,
): Promise<void> {
  let isLate = false;
  try {
    await inTime(ANSWER_MS, stopped, async ({ signal }) => {
      signal.addEventListener("abort", () => {
        isLate = !stopped.aborted;
      });
      const answer = await open(access, address, path, signal);
      let bytes = 0;
      for await (const piece of answer as AsyncIterable<Buffer>) {
        bytes += piece.length;
        if (bytes > MAX_BYTES) throw new Error(`it sent more than ${MAX_BYTES / 1024 / 1024} MiB`);
        take(piece);
      }
    });
  } catch (error) {
    if (isLate) throw new Error(`it did not answer completely within ${ANSWER_MS / 1000} s`);
    throw error;
  }
}

async function open(
  access: KubeletAccess,
  address: string,
  path: string,
  signal: AbortSignal,
): Promise<http.IncomingMessage> {
  const { port, credentials } = access;
  const { authorization, tls } = port === OPEN_PORT ? {} : await credentials.next();
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const options: https.RequestOptions = {
      ...{ host: address, port, path, signal },
      // One that is kept open over the pause may be closed just when it is used.
      agent: false,
      headers: {
        "accept-encoding": "identity",
        "user-agent": "odin-api",
        ...(authorization === undefined ? {} : { authorization }),
      },
    };
    const sent = tls === undefined ? http.request(options) : https.request({ ...options, ...tls });
    sent.once("response", resolve);
    sent.on("error", (error) => reject(isCertificateError(error) ? unchecked(error) : error));
    sent.end();
  });
  const status = answer.statusCode ?? 0;
  if (status === 200) return answer;
  answer.destroy();
  if (status === 401) credentials.refused();
  const why = status === 401 || status === 403 ? "; who asks needs the right to get nodes/stats there" : "";
  throw new Error(`it answered with HTTP ${status}${why}`);
}

function unchecked(error: Error): Error {
  return new Error(
    `its certificate is not trusted (${error.message}); name its authority with --mlbench-kubelet-ca, or give --mlbench-kubelet-account`,
  );
}
