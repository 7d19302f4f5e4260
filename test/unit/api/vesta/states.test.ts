import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HistoryRow, Host } from "../../../../api/vesta/hosts/host.ts";
import { replyJson } from "../../../../api/vesta/reply.ts";
import { rootRoutes } from "../../../../api/vesta/root-routes.ts";
import { stateRoutes } from "../../../../api/vesta/states/routes.ts";
import { until } from "../../../support/deadline.ts";
import { type Answer, send } from "../served.ts";
import { golden } from "./golden-text.ts";
import { gpu, host, payload, SAMPLE } from "./sample-hosts.ts";
import { type SampleSource, sampleSource } from "./sample-source.ts";
import { serveVesta } from "./served-vesta.ts";

const test = suite("vesta: states and views over HTTP");
const settings = { textVersion: "1.0.0", termWidth: 80, pageSize: 2 } as const;

/** Serves a source, lets `ask` work on it, and ends. */
async function served(
  source: SampleSource,
  ask: (get: (path: string, method?: string) => Promise<Answer>, port: number) => Promise<void>,
): Promise<void> {
  const page = (name: string) => (ctx: Parameters<typeof replyJson>[0]) => replyJson(ctx, name);
  const { listener, port } = await serveVesta([
    ...rootRoutes({ ...source, settings, pages: { main: page("main"), table: page("table") } }),
    ...stateRoutes({ ...source, settings, forget: page("forget") }),
  ]);
  try {
    await ask((path, method = "GET") => send(port, method, path), port);
  } finally {
    await listener.close(0);
  }
}

const at = (second: number): number => Date.UTC(2026, 10, 20, 23, 39, second);
const row = (second: number, used = second): HistoryRow => ({
  timeMs: at(second),
  data: payload(gpu({ used_memory: used })),
});
const entry = (second: number): object => ({ gpu_data: row(second).data, timestamp: `11/20/2026 23:39:0${second}` });
const NOTHING = { gpu_data: {}, timestamp: "no entry received." };
const HOSTS: Host[] = [
  host("a", { source: "sender", ipAddress: "10.0.0.1" }),
  host("b", { status: "down", ipAddress: "10.0.0.2" }),
  host("c", { status: "waiting for re-uplink", ipAddress: "10.0.0.3" }),
];
const history = { a: [row(1), row(2), row(3)], b: [row(4), row(5)], c: [] };

test("V-30, V-31, section 12, 4 and 5: hosts in display order, and the newest rows of each in the order of time", async () => {
  await served(sampleSource(HOSTS, history), async (get) => {
    const answer = await get("/states/");
    assert.equal([answer.status, answer.headers["content-type"]], [200, "application/json; charset=utf-8"]);
    assert.equal(Object.keys(answer.json), ["a", "b", "c"]);
    const a = (data: object[]): object => ({ data, ip_address: "10.0.0.1", status: "running", source: "sender" });
    assert.equal(answer.json.a, a([entry(3)]));
    assert.equal((await get("/states?fetch_num=2")).json.a, a([entry(2), entry(3)]));
    for (const all of ["-1", "-99", "7", "999999999999"])
      assert.equal((await get(`/states/?fetch_num=${all}`)).json.a, a([entry(1), entry(2), entry(3)]), all);
    assert.equal((await get("/states/?fetch_num=0")).json.a, a([NOTHING]));
    assert.equal((await get("/states/?fetch_num=x")).json.a, a([entry(3)]));
  });
});

test("V-31: at most 10 000 rows of a host", async () => {
  const rows = Array.from({ length: 10_003 }, (_, index) => ({ timeMs: at(0) + index * 1000, data: {} }));
  await served(sampleSource([host("h")], { h: rows }), async (get) => {
    const { data } = (await get("/states/h?fetch_num=-1")).json.h as { data: { timestamp: string }[] };
    assert.is(data.length, 10_000);
    assert.is(data[0]?.timestamp, "11/20/2026 23:39:03");
  });
});

test("V-32, V-33: a bad host has one entry without GPUs, and all of its rows where it is asked for alone", async () => {
  await served(sampleSource(HOSTS, history), async (get) => {
    const all = (await get("/states/?fetch_num=-1")).json;
    const b = { ip_address: "10.0.0.2", status: "down", source: "node" };
    assert.equal(all.b, { data: [{ gpu_data: {}, timestamp: "11/20/2026 23:39:05" }], ...b });
    assert.equal((all.c as { data: object[] }).data, [NOTHING]);
    assert.equal((await get("/states/b/?fetch_num=-1")).json, { b: { data: [entry(4), entry(5)], ...b } });
    assert.equal((await get("/states/b")).json, { b: { data: [entry(5)], ...b } });
    const missing = await get("/states/nobody/");
    assert.equal([missing.status, missing.json], [404, { status: "ERROR", status_code: 404, message: "not found" }]);
    assert.is((await get("/states/b/", "DELETE")).text, '"forget"');
  });
});

test("V-30: no hosts, and names that mean something to programs", async () => {
  await served(sampleSource([]), async (get) => assert.is((await get("/states/")).text, "{}"));
  await served(sampleSource([host("__proto__"), host("7"), host('"<')]), async (get) => {
    const { text } = await get("/states/");
    assert.match(text, /^\{"__proto__":\{"data".*\},"7":\{.*\},"\\"<":\{/);
    JSON.parse(text);
  });
});

test("V-33: a host's rows as CSV, a line for each GPU; what could be a formula is none", async () => {
  const data = payload(
    gpu({ gpu_name: '=cmd|"a",1', used_memory: -5, uuid: "u,1" }),
    gpu({ device_num: 1, gpu_name: "H100", uuid: "", gpu_volatile: 7 }),
  );
  const rows = [{ timeMs: at(1), data }, row(2), { timeMs: at(3), data: {} }];
  await served(sampleSource([host("h", { status: "down" })], { h: rows }), async (get) => {
    const answer = await get("/states/h/?format=csv&fetch_num=-1");
    assert.equal([answer.status, answer.headers["content-type"]], [200, "text/csv; charset=utf-8"]);
    const when = "2026/11/20 23:39:31.204";
    assert.equal(answer.text.split("\r\n"), [
      "time,gpu,device_num,uuid,gpu_name,timestamp,temperature,total_memory,available_memory,used_memory,gpu_volatile",
      `11/20/2026 23:39:01,gpu:0,0,"u,1","'=cmd|""a"",1",${when},0,0,0,-5,0`,
      `11/20/2026 23:39:01,gpu:1,1,,H100,${when},0,0,0,0,7`,
      `11/20/2026 23:39:02,gpu:0,0,GPU-0,NVIDIA H100 80GB HBM3,${when},0,0,0,2,0`,
      "",
    ]);
    assert.is((await get("/states/h/?format=csv")).text.split("\r\n").length, 2);
  });
});

test("V-18, V-38 to V-44: texts where `term` asks for them", async () => {
  await served(sampleSource(SAMPLE), async (get) => {
    const table = await get("/?term=true");
    assert.equal([table.status, table.headers["content-type"]], [200, "text/plain; charset=utf-8"]);
    assert.is(table.text, golden("table"));
    assert.is((await get("/gpu_table/?term=1")).text, golden("gpu-table"));
    const lines = golden("detail").split("\n");
    assert.is((await get("/states/mig-node-1.rack-7.example/?term=true")).text, `${lines.slice(0, 15).join("\n")}\n`);
    assert.is((await get("/states/mau_local_lab?term=x")).text, `${[lines[0], ...lines.slice(15)].join("\n")}`);
    const detail = (await get("/?term=true&detail=true&page=2")).text;
    assert.is(detail, `${[lines[0], ...lines.slice(15)].join("\n")}`);
    assert.match((await get("/?term=true&page=1")).text, "gpu-node-1");
    assert.not.match((await get("/?term=true&page=1")).text, "mau_local_lab");
    assert.is((await get("/?term=true&page=3")).text.split("\n").length, 6);
    assert.is((await get("/?term=true&detail=1&page=3")).text, "vesta ver. 1.0.0\n");
    const wrong = await get("/?term=true&page=-1");
    assert.equal([wrong.status, wrong.json.message], [404, "invalid page number."]);
    for (const path of ["/", "/?term=false", "/?detail=true", "/?term="]) assert.is((await get(path)).text, '"main"');
    assert.is((await get("/gpu_table")).text, '"table"');
    for (const path of ["/?term=true", "/states/", "/states/mau_local_lab?term=1", "/gpu_table?term=1"]) {
      const head = await get(path, "HEAD");
      assert.equal(
        [head.status, head.text, head.headers["content-type"]],
        [200, "", (await get(path)).headers["content-type"]],
      );
    }
  });
});

test("/states/ is read as fast as it is taken: a caller that takes nothing does not fill the memory", async () => {
  const endless = {
    *[Symbol.iterator]() {
      for (let index = 0; index < 200_000; index += 1)
        yield { timeMs: at(0) + index, data: payload(gpu({ uuid: "u".repeat(1_000) })) };
    },
  };
  const source = sampleSource([host("h", { payloadMs: 0, payload: {} })], { h: endless });
  // The newest row is had without the endless ones.
  source.hosts.newestRow = () => row(1);
  await served(source, async (_get, port) => {
    const socket = connect(port, "127.0.0.1");
    socket.pause();
    socket.write("GET /states/h?fetch_num=-1 HTTP/1.1\r\nHost: h\r\n\r\n");
    try {
      await until(async () => source.reads.rows > 100, 60_000, { describe: "rows are read" });
      for (let before = -1; before !== source.reads.rows; ) {
        before = source.reads.rows;
        await delay(500);
      }
      // What the sockets of both sides hold, and a piece or two.
      assert.ok(source.reads.rows < 50_000, `${source.reads.rows} rows of 200000 were read`);
    } finally {
      socket.destroy();
    }
  });
});

test.run();
