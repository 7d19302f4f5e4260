import { execFile } from "node:child_process";

/** What `promtool check metrics` has to say of a text, by line; undefined where it is not installed. */
export function promtoolComplaints(text: string): Promise<string[] | undefined> {
  return new Promise((resolve, reject) => {
    const child = execFile("promtool", ["check", "metrics"], (error, stdout, stderr) => {
      if (error !== null && "code" in error && error.code === "ENOENT") resolve(undefined);
      else resolve(`${stdout}${stderr}`.split("\n").filter((line) => line !== ""));
    });
    child.stdin?.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") reject(error);
    });
    child.stdin?.end(text);
  });
}
