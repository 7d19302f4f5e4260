import { execFile } from "node:child_process";
import { debianProgram } from "../../local/debian-program.ts";
import { messageOf } from "../../local/local-error.ts";

/** How a run of promtool ended. */
export interface PromtoolResult {
  exitCode: number;
  /** Both outputs. */
  output: string;
}

/** Runs promtool, with a text on its standard input; where it cannot be had on this machine, the reason is given instead. */
export async function promtool(
  args: readonly string[],
  { input = "", cwd }: { input?: string; cwd?: string } = {},
): Promise<PromtoolResult | { cannot: string }> {
  let program: string;
  try {
    program = await debianProgram("prometheus", "promtool");
  } catch (error) {
    return { cannot: messageOf(error) };
  }
  return await new Promise((resolve, reject) => {
    const child = execFile(program, [...args], { cwd }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode === "number") resolve({ exitCode, output: `${stdout}${stderr}` });
      else reject(error);
    });
    child.stdin?.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") reject(error);
    });
    child.stdin?.end(input);
  });
}

/** What `promtool check metrics` has to say of a text, by line; undefined where it is not to be had. */
export async function promtoolComplaints(text: string): Promise<string[] | undefined> {
  const result = await promtool(["check", "metrics"], { input: text });
  return "cannot" in result ? undefined : result.output.split("\n").filter((line) => line !== "");
}
