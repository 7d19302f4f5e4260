import { withForwardedPort } from "./forwarded-port.ts";
import { kubectl } from "./kubectl.ts";

/** Calls the REST API as the root user; returns the parsed answer, or its text where that is no JSON. Throws for any status but 2xx. */
export type Call = (method: string, path: string, body?: object) => Promise<unknown>;

/** Lets `work` speak with the API of the release `odin` of a namespace, through a forwarded port that ends with it. */
export async function withForwardedApi<T>(namespace: string, work: (call: Call) => Promise<T>): Promise<T> {
  return await withForwardedPort(namespace, "service/odin-http", 9003, async (address) => {
    const path = "jsonpath={.data.root-password}";
    const encoded = await kubectl("get", "secret", "odin-auth", "-n", namespace, "-o", path);
    const password = Buffer.from(encoded, "base64").toString();
    const authorization = `Basic ${Buffer.from(`root:${password}`).toString("base64")}`;
    return await work(async (method, path, body) => {
      const answer = await fetch(`http://${address}/v1/${path}`, {
        method,
        // A connection that is kept, and that the server closes as it is used again, would end kubectl's port-forward.
        headers: { authorization, "content-type": "application/json", connection: "close" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      try {
        return JSON.parse(text);
      } catch {
        return text;
      }
    });
  });
}
