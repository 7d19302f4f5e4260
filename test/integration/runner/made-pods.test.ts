import { request } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { suite } from "uvu";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { kubectl } from "../../support/kubectl.ts";
import { podsMade } from "../../support/made-pods.ts";
import { randomSource } from "../../support/random.ts";
import { temporaryNamespace } from "../../support/temporary-namespace.ts";

const AT_A_TIME = 20;
/** About as long as a creation takes; on a busy machine it takes longer, so from round to round it is twice as long, and then as at the beginning again. */
const MOST_MS = 12;
const LENGTHS = 6;

const made = suite("counting pods by the audit log");
let namespace: Awaited<ReturnType<typeof temporaryNamespace>>;
made.before(async () => {
  namespace = await temporaryNamespace("made");
});
made.after(() => namespace?.remove());

/** Asks for a pod and goes away after so many milliseconds, whatever the server has done by then. */
async function createAndLeave(name: string, afterMs: number): Promise<void> {
  const config = new KubeConfig();
  config.loadFromDefault();
  const url = new URL(`/api/v1/namespaces/${namespace.name}/pods`, config.getCurrentCluster()?.server);
  const options: Parameters<typeof request>[1] = { method: "POST", headers: { "content-type": "application/json" } };
  await config.applyToHTTPSOptions(options);
  const sent = request(url, { ...options, agent: false });
  const body = { metadata: { name }, spec: { containers: [{ name: "c", image: "none" }] } };
  await new Promise<void>((done) => {
    const leave = (): void => {
      sent.destroy();
      done();
    };
    sent.on("error", () => {});
    sent.on("finish", () => setTimeout(leave, afterMs));
    sent.end(JSON.stringify(body));
  });
}

async function podNames(): Promise<string[]> {
  const listed = await kubectl("get", "pods", "-n", namespace.name, "-o", "jsonpath={.items[*].metadata.name}");
  return listed.split(" ").filter(Boolean);
}

made("a pod whose creator went away before the answer is counted, once", async () => {
  const seed = Date.now() % 100_000;
  console.log(`seed ${seed}`);
  const random = randomSource(seed);
  let sent = 0;
  // About one of nine is made without an answer; how many it takes is chance.
  const { there, answered } = await until(
    async () => {
      const mostMs = MOST_MS * 2 ** ((sent / AT_A_TIME) % LENGTHS);
      for (const end = sent + AT_A_TIME; sent < end; sent++) {
        await createAndLeave(`p${sent}`, random.integer(0, mostMs));
      }
      const requests = await auditedRequests(namespace.name);
      const created = requests.filter(
        ({ verb, resource, code }) => verb === "create" && resource === "pods" && code === 201,
      );
      return { there: await podNames(), answered: created.length };
    },
    120_000,
    {
      describe: "a pod is made whose creation was not answered",
      accept: (found) => found.there.length > found.answered && found.answered > 0,
    },
  );
  console.log(`${sent} creations, ${there.length} pods, ${answered} of them answered`);
  // The last ones may still be on their way.
  await until(
    async () => ({ names: (await podsMade(namespace.name)).toSorted(), pods: (await podNames()).toSorted() }),
    60_000,
    {
      describe: "each pod that is there is counted once",
      accept: ({ names, pods }) => JSON.stringify(names) === JSON.stringify(pods),
      everyMs: 500,
    },
  );
});
made.run();
