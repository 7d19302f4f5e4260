/** What the simulation promises, checked against a real API server by the same code: the simulation is believed only as far as this holds. */
import { KubeConfig } from "@kubernetes/client-node";
import { suite } from "uvu";
import { KubeClient } from "../../../kube/client.ts";
import { collectionPath, type Resource } from "../../../kube/resource.ts";
import { applyDefinitions } from "../../runner/environments.ts";
import { CONTRACT } from "../../simulation/contract/contract.ts";
import { OwnApiServer } from "../../support/own-api-server.ts";

const NAMESPACE: Resource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };
const NAME = "contract";

let server: OwnApiServer;
let client: KubeClient;

const contract = suite("contract of the real API server");

contract.before(async () => {
  try {
    server = await OwnApiServer.start({ controllerManager: true });
    await applyDefinitions(process.cwd(), server.plane);
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(server.plane.kubeconfig);
    client = new KubeClient({ kubeConfig, userAgent: "odin-contract" });
    await client.create(collectionPath(NAMESPACE), { apiVersion: "v1", kind: "Namespace", metadata: { name: NAME } });
  } catch (error) {
    // uvu says nothing about a hook that throws.
    console.error(error);
    throw error;
  }
});

contract.after(async () => {
  client?.close();
  await server?.remove();
});

for (const { title, check } of CONTRACT)
  contract(title, () => check({ client, namespace: NAME, compact: () => server.compact() }));

contract.run();
