import { suite } from "uvu";
import * as assert from "uvu/assert";
import { textPieces } from "../../../../api/text-pieces.ts";
import type { Host } from "../../../../api/vesta/hosts/host.ts";
import { KeptTexts } from "../../../../api/vesta/kept-texts.ts";
import { replyJson } from "../../../../api/vesta/reply.ts";
import { rootRoutes } from "../../../../api/vesta/root-routes.ts";
import { stateRoutes } from "../../../../api/vesta/states/routes.ts";
import { send } from "../served.ts";
import { gpu, host, payload } from "./sample-hosts.ts";
import { sampleSource } from "./sample-source.ts";
import { serveVesta } from "./served-vesta.ts";

const test = suite("vesta: texts that are kept");
const at = Date.UTC(2026, 10, 20, 23, 39, 31);

test("a text is made once for each state of its host", () => {
  const kept = new KeptTexts();
  const [one, other] = [host("one"), host("other")];
  let made = 0;
  const text = (of: Host, more: readonly unknown[] = [], kind = "table") =>
    kept.text(kind, of, more, () => `${of.name} ${++made}`).toString();
  assert.is(text(one), "one 1");
  assert.is(text(one), "one 1");
  assert.is(text(other), "other 2");
  assert.is(text(one, [], "detail"), "one 3", "each kind by itself");
  assert.is(text(one), "one 1");
  assert.is(text({ ...one }), "one 4", "the host has changed");
  assert.is(text(other), "other 2", "the other has not");
  assert.is(text(other, [7]), "other 5", "more is shown");
  assert.is(text(other, [7]), "other 5");
  assert.is(text(other, [8]), "other 6");
});

test("no more is kept than there is room for; what is too much is made anew and is the same", () => {
  const kept = new KeptTexts(30);
  const hosts = ["a", "b", "c", "d"].map((name) => host(name));
  let made = 0;
  const text = (of: Host | undefined): string => {
    if (of === undefined) throw new Error("there is no such host");
    const make = (): string => {
      made += 1;
      return of.name.repeat(10);
    };
    return kept.text("table", of, [], make).toString();
  };
  for (const one of hosts) assert.is(text(one), one.name.repeat(10));
  assert.is(made, 4);
  text(hosts[3]);
  text(hosts[1]);
  assert.is(made, 4, "the newest three are kept");
  text(hosts[0]);
  assert.is(made, 5, "the oldest is not");
  const long = kept.text("table", host("long"), [], () => "x".repeat(100));
  assert.is(long.length, 100);
  text(hosts[0]);
  assert.is(made, 6, "one that is too long leaves nothing else");
  text(hosts[0]);
  assert.is(made, 6, "and is not kept itself");
});

test("V-30, V-38, V-41, V-44: of hosts that have not changed nothing is formatted again, however many ask; one that changes shows at once", async () => {
  const machine = (name: string, used: number): Host =>
    host(name, { payloadMs: at, payload: payload(gpu({ used_memory: used, total_memory: 100 })) });
  const hosts = Array.from({ length: 20 }, (_, n) => machine(`host-${n}`, n));
  const source = sampleSource(hosts);
  let formatted = 0;
  const formatTime = (timeMs: number): string => {
    formatted += 1;
    return source.formatTime(timeMs);
  };
  const settings = { textVersion: "1.0.0", termWidth: 80, pageSize: 20 } as const;
  const none: Parameters<typeof stateRoutes>[0]["forget"] = (ctx) => replyJson(ctx, "none");
  const parts = { ...source, formatTime, settings };
  const { listener, port } = await serveVesta([
    ...rootRoutes({ ...parts, pages: { main: none, table: none } }),
    ...stateRoutes({ ...parts, forget: none }),
  ]);
  const ask = async (path: string): Promise<string> => (await send(port, "GET", path)).text;
  try {
    for (const path of ["/?term=true", "/?term=true&detail=true", "/gpu_table?term=true", "/states/"]) {
      formatted = 0;
      const replies = await Promise.all(Array.from({ length: 10 }, () => ask(path)));
      assert.is(new Set(replies).size, 1, path);
      assert.is(formatted, 20, `${path}: each host once for ten who ask`);
      const before = hosts[7];
      hosts[7] = machine("host-7", 77);
      const after = await ask(path);
      assert.is(formatted, 21, `${path}: the host that has changed`);
      assert.match(after, "77");
      if (before !== undefined) hosts[7] = before;
      assert.is(await ask(path), replies[0], `${path}: as it was`);
    }
    assert.is(await ask("/?term=true&page=1"), await ask("/?term=true"), "a page is made of the same");
  } finally {
    await listener.close(0);
  }
});

test("parts of a text go out in their order, whether they are in UTF-8 already or not", async () => {
  const parts = [
    "ä",
    Buffer.from("°"),
    "",
    Buffer.from("…"),
    "end",
    Buffer.alloc(70_000, "x"),
    "y".repeat(70_000),
    "z",
  ];
  const pieces: Buffer[] = [];
  for await (const piece of textPieces(parts)) pieces.push(piece);
  assert.is(Buffer.concat(pieces).toString(), `ä°…end${"x".repeat(70_000)}${"y".repeat(70_000)}z`);
  assert.is(pieces.length, 3);
  for await (const piece of textPieces(["", Buffer.alloc(0)])) throw new Error(`a piece of nothing: ${piece.length}`);
});

test.run();
