import { Readable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isKubeError } from "../../../kube/errors.ts";
import { LineSplitter, parseWatchLine, readWatch, type WatchEvent } from "../../../kube/watch.ts";

function split(chunks: Buffer[], maxBytes?: number): { lines: string[]; pending: number } {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), maxBytes);
  for (const chunk of chunks) splitter.push(chunk);
  return { lines, pending: splitter.pendingBytes };
}

const splitting = suite("lines (F-4)");

splitting("a text cut at every possible byte gives the same lines", () => {
  const text = Buffer.from('{"a":"é€😀"}\n{"b":1}\n\n{"c":"ü"}\n');
  for (let at = 0; at <= text.length; at++) {
    const { lines, pending } = split([text.subarray(0, at), text.subarray(at)]);
    assert.equal(lines, ['{"a":"é€😀"}', '{"b":1}', '{"c":"ü"}'], `cut at ${at}`);
    assert.is(pending, 0);
  }
  assert.equal(split([...text].map((byte) => Buffer.from([byte]))).lines.length, 3);
});

splitting("a half line stays pending", () => {
  assert.equal(split([Buffer.from("a\nbc")]), { lines: ["a"], pending: 2 });
});

splitting("a line above the bound is refused, whether it ends or not", () => {
  const isTooLarge = (error: unknown) => isKubeError(error, "tooLarge");
  assert.throws(() => split([Buffer.alloc(11, 97)], 10), isTooLarge);
  assert.throws(() => split([Buffer.alloc(6, 97), Buffer.alloc(6, 97)], 10), isTooLarge);
  assert.throws(() => split([Buffer.from("aaaaaaaaaaa\n")], 10), isTooLarge);
  assert.equal(split([Buffer.from("aaaaaaaaaa\n")], 10).lines.length, 1);
});

const parsing = suite("watch events");

parsing("an event, a bookmark, an error and rubbish", () => {
  const object = { metadata: { name: "a", resourceVersion: "5" } };
  assert.is(parseWatchLine("w", JSON.stringify({ type: "ADDED", object })).type, "ADDED");
  const bookmark = parseWatchLine("w", '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}');
  assert.is(bookmark.object.metadata.resourceVersion, "9");
  const failsWith = (line: string, category: "gone" | "transient") =>
    assert.throws(
      () => parseWatchLine("w", line),
      (error: unknown) => isKubeError(error, category),
      line,
    );
  failsWith('{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}', "gone");
  failsWith('{"type":"ERROR"}', "transient");
  failsWith('{"type":"ADDED","object":{"metadata":{}}}', "transient");
  failsWith('{"type":"STRANGE","object":{}}', "transient");
  failsWith('{"type":"ADDED","obj', "transient");
  failsWith("null", "transient");
});

const reading = suite("reading a watch");

const line = (version: number) =>
  `${JSON.stringify({ type: "ADDED", object: { metadata: { name: "a", resourceVersion: String(version) } } })}\n`;

async function read(stream: Readable, idleTimeoutMs = 5_000): Promise<{ events: WatchEvent[]; error: unknown }> {
  const events: WatchEvent[] = [];
  let error: unknown;
  await readWatch(stream, { what: "w", idleTimeoutMs, onEvent: (event) => events.push(event) }).catch((caught) => {
    error = caught;
  });
  assert.ok(stream.destroyed, "the stream is destroyed in every case");
  return { events, error };
}

reading("an orderly end resolves", async () => {
  const { events, error } = await read(Readable.from([Buffer.from(line(1) + line(2))]));
  assert.is(events.length, 2);
  assert.is(error, undefined);
});

reading("half a line at the end rejects, after the whole lines were handed out (F-4)", async () => {
  const { events, error } = await read(Readable.from([Buffer.from(line(1) + line(2).slice(0, 10))]));
  assert.is(events.length, 1);
  assert.ok(isKubeError(error, "transient"));
});

reading("a cut connection rejects", async () => {
  const stream = new Readable({ read() {} });
  stream.push(line(1));
  setImmediate(() => stream.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" })));
  const { error } = await read(stream);
  assert.ok(isKubeError(error, "transient") && error.reason === "ECONNRESET");
});

reading("silence rejects after the idle time (F-3)", async () => {
  const { error } = await read(new Readable({ read() {} }), 30);
  assert.ok(isKubeError(error, "transient") && error.reason === "Timeout");
});

reading("what the receiver throws ends the watch with that error", async () => {
  const boom = new Error("boom");
  const promise = readWatch(Readable.from([Buffer.from(line(1))]), {
    what: "w",
    idleTimeoutMs: 5_000,
    onEvent: () => {
      throw boom;
    },
  });
  assert.is(await promise.catch((error) => error), boom);
});

splitting.run();
parsing.run();
reading.run();
