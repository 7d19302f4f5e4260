import { spawn } from "node:child_process";
import { errorFromAbort, errorFromNetwork, KubeError } from "../../../../kube/errors.ts";
import { EXEC_FAILED, type ExecOptions } from "../../../../kube/exec.ts";

/**
 * Stands for a pod: programs run in the shell of this machine. Connections can be cut, and behave like those to a node: the program's standard input ends,
 * and nothing of what it writes arrives any more.
 */
export class ShellPod {
  /** Environment variables of the container. */
  env: Record<string, string> = {};
  /** Bytes after which the next connection breaks; asked for each one. */
  cutAfter: () => number = () => Number.POSITIVE_INFINITY;
  hasShell = true;
  isGone = false;
  /** Programs that were started, with their arguments. */
  readonly started: string[][] = [];
  readonly #groups = new Set<number>();

  readonly exec = async (options: ExecOptions): Promise<number> => {
    const { command, signal, onData, stdin } = options;
    const what = `exec in pod ${options.pod}`;
    if (signal.aborted) throw errorFromAbort(what);
    if (this.isGone) throw refusal(404, "NotFound", "notFound", `pods "${options.pod}" not found`);
    if (!this.hasShell && command[0] === "/bin/sh") {
      throw refusal(0, EXEC_FAILED, "other", `${what}: exec: "/bin/sh": stat /bin/sh: no such file or directory`);
    }
    this.started.push([...command]);
    const [program = "", ...others] = command;
    const child = spawn(program, others, {
      stdio: [stdin === true ? "pipe" : "ignore", "pipe", "pipe"],
      env: { ...process.env, ...this.env },
      // What it leaves in the background is found by its group.
      detached: true,
    });
    if (child.pid !== undefined) this.#groups.add(child.pid);
    let left = this.cutAfter();
    let failure: unknown;
    let broken: () => void = () => undefined;
    let chain = Promise.resolve();
    const cut = (error: unknown): void => {
      failure ??= error;
      broken();
      child.stdin?.destroy();
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const onAbort = () => cut(errorFromAbort(what));
    signal.addEventListener("abort", onAbort, { once: true });
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream]?.on("data", (chunk: Buffer) => {
        if (failure !== undefined) return;
        const kept = chunk.subarray(0, Math.max(0, left));
        left -= chunk.length;
        child[stream]?.pause();
        chain = chain.then(async () => {
          try {
            if (kept.length > 0) await onData(stream, kept);
          } catch (error) {
            cut(error);
          }
          child[stream]?.resume();
        });
        if (left < 0) cut(errorFromNetwork(what, new Error("cut")));
      });
    }
    const status = await new Promise<number>((done) => {
      child.once("error", (error) => {
        cut(refusal(0, EXEC_FAILED, "other", `${what}: ${error.message}`));
        done(127);
      });
      // The streams end later than the program; and it may last longer than its connection.
      child.once("close", (code) => done(code ?? 137));
      broken = () => done(137);
      if (failure !== undefined) broken();
    });
    await chain;
    signal.removeEventListener("abort", onAbort);
    if (failure !== undefined) throw failure;
    return status;
  };

  /** Ends what is left of the programs that were started here. */
  remove(): void {
    for (const group of this.#groups) {
      try {
        process.kill(-group, "SIGKILL");
      } catch {
        // Nothing is left of it.
      }
    }
  }
}

function refusal(code: number, reason: string, category: "other" | "notFound", message: string): KubeError {
  return new KubeError({ code, reason, category, message });
}
