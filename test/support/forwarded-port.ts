import { spawn } from "node:child_process";
import { testVariable } from "./kubectl.ts";

/** Lets `work` reach a port of a Service or a pod, such as `service/odin-http`, at an address `127.0.0.1:PORT` that ends with it. */
export async function withForwardedPort<T>(
  namespace: string,
  target: string,
  port: number,
  work: (address: string) => Promise<T>,
): Promise<T> {
  const child = spawn(testVariable("ODIN_TEST_KUBECTL"), ["port-forward", "-n", namespace, target, `:${port}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const address = await new Promise<string>((resolve, reject) => {
      let said = "";
      child.stdout.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        const found = /127\.0\.0\.1:\d+/.exec(said)?.[0];
        if (found !== undefined) resolve(found);
      });
      child.once("exit", () => reject(new Error(`kubectl port-forward ended: ${said}`)));
    });
    return await work(address);
  } finally {
    child.kill("SIGKILL");
  }
}
