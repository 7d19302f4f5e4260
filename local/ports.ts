import { createServer } from "node:net";

/** `count` different TCP ports of 127.0.0.1 that were free a moment ago. Another process may take one first: retry then. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(
      servers.map(
        (server) =>
          new Promise<number>((resolve, reject) => {
            server.once("error", reject);
            server.listen(0, "127.0.0.1", () => {
              const address = server.address();
              if (typeof address === "object" && address !== null) resolve(address.port);
              else reject(new Error("the system gave no port for 127.0.0.1"));
            });
          }),
      ),
    );
  } finally {
    for (const server of servers) server.close();
  }
}
