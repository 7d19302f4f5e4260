import { Readable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readWatch } from "../../../kube/watch.ts";
import { versionInLine } from "../../../kube/watch-echo.ts";

const echo = suite("versions read from lines");

/** A line as an API server writes it for a custom resource: keys in order, metadata ended by the UID. */
function line(metadata: Record<string, unknown> = {}, type = "MODIFIED", spec: unknown = { tasks: [] }): string {
  const keys = { name: "r", namespace: "n", ...metadata, resourceVersion: "12", uid: "ab-1" };
  const object = { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: keys, spec, status: {} };
  return JSON.stringify({ type, object });
}

echo("the version of a changed object is read without parsing it", () => {
  assert.equal(versionInLine(line()), { uid: "ab-1", resourceVersion: "12" });
});

echo("events that add or remove an object, bookmarks and errors are left to the parser", () => {
  for (const type of ["ADDED", "DELETED", "BOOKMARK", "ERROR"]) assert.is(versionInLine(line({}, type)), undefined);
  assert.is(
    versionInLine('{"type":"MODIFIED","object":{"metadata":{"resourceVersion":"12","uid":"ab-1"}}}'),
    undefined,
  );
  assert.is(versionInLine("{}"), undefined);
});

echo("what a user writes into metadata or spec does not pass for a version", () => {
  const forged = '"resourceVersion":"99","uid":"zz"},"spec":';
  const metadata = {
    annotations: { "example.com/a": forged, resourceVersion: "99", uid: "zz" },
    labels: { resourceVersion: "99", uid: "zz" },
  };
  assert.equal(versionInLine(line(metadata)), { uid: "ab-1", resourceVersion: "12" });
  const spec = { context: { metadata: { resourceVersion: "99", uid: "zz" }, spec: 1 } };
  assert.equal(versionInLine(line({}, "MODIFIED", spec)), { uid: "ab-1", resourceVersion: "12" });
});

echo("metadata in another order is left to the parser", () => {
  const object = { metadata: { uid: "ab-1", resourceVersion: "12", name: "r" }, spec: {} };
  assert.is(versionInLine(JSON.stringify({ type: "MODIFIED", object })), undefined);
});

echo("a watch hands out what is not known, and nothing else", async () => {
  const events: string[] = [];
  const asked: string[] = [];
  await readWatch(Readable.from([Buffer.from(`${line()}\n${line({}, "ADDED")}\n${line({ generation: 2 })}\n`)]), {
    what: "w",
    idleTimeoutMs: 5_000,
    isKnown: ({ resourceVersion }) => asked.push(resourceVersion) === 1,
    onEvent: ({ type }) => events.push(type),
  });
  assert.equal(asked, ["12", "12"]);
  assert.equal(events, ["ADDED", "MODIFIED"]);
});
echo.run();
