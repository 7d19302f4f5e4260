import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allOperations } from "../../../api/openapi/document.ts";
import type { Example, Operation } from "../../../api/openapi/operation.ts";
import { DocumentedReplies } from "../../support/documented-reply.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { ExampleNode, exampleNodeSettings } from "./example-node.ts";
import { buildExamplesWorld } from "./examples-world.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("the examples of the OpenAPI document");
const documented = new DocumentedReplies();
let stage: FacadeStage;
let node: ExampleNode | undefined;

test.before(async () => {
  stage = await FacadeStage.open(exampleNodeSettings());
  try {
    await buildExamplesWorld(stage);
    node = await ExampleNode.start(stage);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await node?.stop();
  await stage.close();
});

/** What reads first, what deletes last, so that no example takes away what another one shows. */
const ORDER = ["get", "post", "put", "delete"];
const operations = [...allOperations()].sort(([a], [b]) => rank(a) - rank(b));

function rank(key: string): number {
  return ORDER.indexOf(key.split(" ")[0] ?? "");
}

/** Sends an example as the document shows it: with a credential only where the operation always asks for one. */
async function sendExample(key: string, operation: Operation, example: Example): Promise<Answer> {
  const [method = "", path = ""] = key.split(" ");
  const inPath = new Set((operation.parameters ?? []).filter((one) => one.in === "path").map(({ name }) => name));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(example.parameters ?? {})) {
    if (!inPath.has(name)) query.set(name, String(value));
  }
  const target = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = example.parameters?.[name];
    assert.ok(value !== undefined, `${key}: the example gives no ${name}`);
    return encodeURIComponent(String(value));
  });
  const bodyType = example.bodyType ?? Object.keys(operation.body ?? {})[0];
  const answer = await send(stage.port, method.toUpperCase(), query.size > 0 ? `${target}?${query}` : target, {
    headers: {
      ...(operation.auth === "always" ? { authorization: `Bearer ${stage.token}` } : {}),
      ...(example.body === undefined || bodyType === undefined ? {} : { "content-type": bodyType }),
    },
    ...(example.body === undefined ? {} : { body: encoded(example.body, bodyType ?? "") }),
  });
  assert.is(documented.difference(method.toUpperCase(), target, answer), undefined);
  return answer;
}

function encoded(body: unknown, mediaType: string): string {
  if (mediaType.endsWith("json")) return JSON.stringify(body);
  if (mediaType === "application/x-www-form-urlencoded") {
    return new URLSearchParams(body as Record<string, string>).toString();
  }
  return String(body);
}

/** The value with `null` at the places that differ each time; a place that is not there is an error of the example. */
function steady(value: unknown, varies: readonly string[]): unknown {
  const copy = structuredClone(value);
  for (const place of varies) assert.ok(blank(copy, place.split(".")), `the reply has no ${place}`);
  return copy;
}

function blank(value: unknown, [key = "", ...rest]: string[]): boolean {
  if (value === null || typeof value !== "object") return false;
  if (key === "*") return Object.values(value).every((entry) => blank(entry, rest));
  if (!Object.hasOwn(value, key)) return false;
  const holder = value as Record<string, unknown>;
  if (rest.length > 0) return blank(holder[key], rest);
  holder[key] = null;
  return true;
}

for (const [key, operation] of operations) {
  for (const example of operation.examples) {
    test(`O-58: ${key}: ${example.summary}`, async () => {
      const answer = await sendExample(key, operation, example);
      assert.is(answer.status, example.status ?? 200, answer.text);
      const type = (answer.headers["content-type"] ?? "").split(";")[0] ?? "";
      const reply: unknown = type.endsWith("json") ? JSON.parse(answer.text) : answer.text;
      const varies = example.varies ?? [];
      assert.equal(steady(reply, varies), steady(example.reply, varies));
    });
  }
}

test("O-58: the document lists exactly the routes that a running facade serves", () => {
  const served = stage.routes
    .filter(({ path }) => path.startsWith("/v1/"))
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replace(/:(\w+)/g, "{$1}")}`);
  assert.equal([...allOperations().keys()].sort(), served.sort());
});

test.run();
