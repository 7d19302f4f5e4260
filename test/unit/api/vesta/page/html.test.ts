import { suite } from "uvu";
import * as assert from "uvu/assert";
import { send } from "../../served.ts";
import { gpu, host, openPageStage, type PageStage, payload, THEN_MS } from "./page-stage.ts";

const test = suite("vesta: the pages as HTML");
const MARK = `<img src=x onerror="alert(1)">'&`;
const ESCAPED = "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;";
let stage: PageStage;
test.before.each(async () => {
  stage = await openPageStage({ pageSize: 2, mainPage: { title: "GPUs of <us>", description: "all & every" } });
});
test.after.each(async () => {
  await stage.close();
});
const page = async (path: string) => await send(stage.served.port, "GET", path);
const text = async (path: string): Promise<string> => (await page(path)).text;
/** The text of a piece of HTML as a reader sees it, blanks joined. */
const read = (piece: string): string =>
  piece
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();

test("V-45: bar, links, version, title and description", async () => {
  const main = await text("/");
  assert.match(main, /<nav[^>]*><span class="brand">GPU Status<\/span> <span class="version">vesta ver1\.0\.0<\/span>/);
  assert.match(main, /<a href="\/" aria-current="page">Main<\/a>/);
  assert.match(main, /<a href="\/gpu_table">Table<\/a>/);
  assert.match(main, /<h1>GPUs of &lt;us&gt; <small>all &amp; every<\/small><\/h1>/);
});

test("V-36, V-45: pages of so many hosts, out of range the nearest", async () => {
  stage.hosts.put(...["a", "b", "c", "d", "e"].map((name) => host(name)));
  const shown = async (path: string) =>
    [...(await text(path)).matchAll(/<article[^>]* id="(\w+)"/g)].map(([, id]) => id);
  assert.equal(await shown("/"), ["a", "b"]);
  assert.equal(await shown("/?page=2"), ["c", "d"]);
  assert.equal(await shown("/?page=3"), ["e"]);
  for (const path of ["/?page=4", "/?page=99999999999999999999"]) assert.equal(await shown(path), ["e"], path);
  for (const path of ["/?page=0", "/?page=-3", "/?page=x", "/?page=1.5"])
    assert.equal(await shown(path), ["a", "b"], path);
  assert.is(read(/<nav class="pages"[\s\S]*?<\/nav>/.exec(await text("/?page=2"))?.[0] ?? ""), "« 1 2 3 »");
});

test("V-36: two hosts of two on a page are one page", async () => {
  stage.hosts.put(host("a"), host("b"));
  assert.is(read(/<nav class="pages"[\s\S]*?<\/nav>/.exec(await text("/"))?.[0] ?? ""), "« 1 »");
});

test("V-46: a host's block: name, address, last update, gauges with max and min, table of GPUs", async () => {
  const gpus = payload(gpu(0), gpu(1, { used_memory: 0, gpu_volatile: 0, temperature: 29 }));
  stage.hosts.put(host("gpu-node-1.rack-7", { payload: gpus }));
  const main = await text("/");
  assert.match(main, /<article class="host" id="gpu-node-1.rack-7"/);
  const block = read(/<article[\s\S]*?<details>/.exec(main)?.[0] ?? "");
  for (const part of [
    "gpu-node-1.rack-7 running 10.0.0.11 last update: 11/20/2026 23:39:37",
    "84 % memory min 0",
    "97 % volatile min 0",
    "61 °C temperature min 29",
    "GPU free mem. vol. temp. 0: NVIDIA H100 80GB HBM3 12958 MiB 97 % 61 °C 1: NVIDIA H100 80GB HBM3 81559 MiB 0 % 29 °C",
  ])
    assert.ok(block.includes(part), `${part} in ${block}`);
  assert.match(main, /aria-label="memory: max 84 %, min 0 %"/);
});

test("V-46: hosts that are bad say so in class and heading, and show no figures", async () => {
  stage.hosts.put(
    host("a", { status: "down" }),
    host("b", { status: "waiting for re-uplink", payload: null, payloadMs: null, lastContactMs: null }),
  );
  const main = await text("/");
  assert.match(main, /<article class="host bad_status" id="a"/);
  assert.match(main, /<h3 class="alarm">### down ###<\/h3>/);
  assert.match(main, /<h3 class="alarm">### waiting for re-uplink ###<\/h3>/);
  assert.match(main, /last update: 11\/20\/2026 23:39:37/);
  assert.match(main, /last update: no entry received\./);
  assert.not.match(main, /H100/);
});

test("V-46: a node that was never heard of says what it needs", async () => {
  const never = { payload: null, payloadMs: null, lastContactMs: null };
  stage.hosts.put(host("a", { status: "waiting for re-uplink", ...never }), host("b", { status: "down" }));
  assert.is((await text("/")).match(/dcgm-exporter has to be Ready on it/g)?.length, 1);
});

test("V-45: without hosts both pages say how hosts come to be shown, and nothing is called well", async () => {
  for (const path of ["/", "/gpu_table"])
    assert.match(read(await text(path)), /There are no hosts yet\..*dcgm-exporter.*gpu_info_sender\.py/);
  assert.not.match(await text("/"), /all running/);
  stage.hosts.put(host("a"));
  assert.match(await text("/"), /all running/);
});

test("V-45: whichever page is shown, the first line is about all hosts, and leads to those that do not run", async () => {
  stage.hosts.put(host("a"), host("b"), host("c"), host("d", { status: "down" }));
  const totals = async (path: string) => /<p class="totals"[\s\S]*?<\/p>/.exec(await text(path))?.[0] ?? "";
  assert.is(read(await totals("/")), "4 hosts 3 GPUs 1 not running d down");
  assert.match(await totals("/"), `<a href="/?page=2#d">d</a>`);
  assert.match(await totals("/?page=2"), `<a href="#d">d</a>`);
  const many = Array.from({ length: 40 }, (_, index) => host(`m${index}`, { status: "down" }));
  stage.hosts.put(...many);
  assert.match(read(await totals("/")), /^44 hosts 3 GPUs 41 not running d down, m0 down, .*m8 down, and 31 more$/);
});

test("V-46: a machine without GPUs is running, with nothing in its table", async () => {
  stage.hosts.put(host("a", { payload: {} }), host("b", { payload: null, payloadMs: null }));
  const main = await text("/");
  assert.is(main.match(/No GPUs\./g)?.length, 2);
  assert.not.match(main, /bad_status|NaN|Infinity/);
});

test("V-47: what is unfolded is there without a script: figures, pie, processes, power", async () => {
  const processes = [
    { pid: "N/A", name: "train-0/main", user: "team-a", used_memory: 60_000 },
    { pid: "N/A", name: "x/y", user: "team-b", used_memory: 8_601 },
  ];
  stage.hosts.put(
    host("a", {
      payload: payload(gpu(0, { processes, power_usage: 512.4 }), gpu(1, { total_memory: 0, used_memory: 0 })),
    }),
  );
  const main = await text("/");
  const shown = read(main);
  assert.ok(
    shown.includes("gpu:0 NVIDIA H100 80GB HBM3 available 12958 MiB, volatile 97%, temperature 61°C , power 512 W"),
  );
  assert.ok(shown.includes("command user used mem. train-0/main team-a 60000 MiB x/y team-b 8601 MiB"));
  assert.match(main, /aria-label="memory: train-0\/main 60000 MiB, x\/y 8601 MiB, Available 12958 MiB"/);
  assert.match(main, /aria-label="memory: unknown"/);
  assert.not.match(main, /NaN|Infinity/);
});

test("V-48: every text of a host is escaped, wherever it stands", async () => {
  const processes = [{ pid: "1", name: MARK, user: MARK, used_memory: 1 }];
  const data = { ...payload(gpu(0, { gpu_name: MARK, processes, timestamp: MARK, uuid: MARK })) };
  Object.assign(data, { [MARK]: gpu(1, { gpu_name: MARK, power_usage: MARK }) });
  stage.hosts.put(host(MARK, { payload: data, ipAddress: MARK }));
  stage.holdings.set(MARK, { "gpu:0": { tasks: [{ run: MARK, task: MARK }] } });
  stage.hosts.rows.set(MARK, [{ timeMs: THEN_MS, data }]);
  const element = (await page(`/?fetch_element=1&element=${encodeURIComponent(MARK)}`)).json.element as string;
  for (const shown of [await text("/"), await text("/gpu_table"), element]) {
    assert.not.match(shown, /<img/);
    assert.ok(shown.includes(ESCAPED));
  }
});

test("V-4, V-48: pages name scripts, styles and pictures of the server's own only, and let nothing else be loaded", async () => {
  stage.hosts.put(host("a"));
  for (const path of ["/", "/gpu_table"]) {
    const { headers, text: shown } = await page(path);
    assert.is(headers["content-type"], "text/html; charset=utf-8");
    assert.match(
      String(headers["content-security-policy"]),
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
    );
    assert.not.match(String(headers["content-security-policy"]), /unsafe|\*|http/);
    for (const [, to = ""] of shown.matchAll(/ (?:src|href)="([^"]*)"/g)) assert.match(to, /^(?:\/(?!\/)|#)/, to);
    assert.not.match(shown, / style=| on\w+=|<style|<script>/);
  }
});

test("V-4, V-18, section 12, 24: everything that a page loads is served, with its type; libraries are named with their licence", async () => {
  const files: [string, RegExp][] = [
    ["main.js", /^text\/javascript; charset=utf-8$/],
    ["host-block.js", /^text\/javascript; charset=utf-8$/],
    ["uPlot.esm.js", /^text\/javascript; charset=utf-8$/],
    ["uPlot.min.css", /^text\/css; charset=utf-8$/],
    ["vesta.css", /^text\/css; charset=utf-8$/],
    ["icon.svg", /^image\/svg\+xml; charset=utf-8$/],
  ];
  for (const [name, type] of files) {
    const answer = await page(`/static/${name}`);
    assert.is(answer.status, 200, name);
    assert.match(String(answer.headers["content-type"]), type, name);
    for (const [, from = ""] of answer.text.matchAll(/(?:^(?:import|export)\b[^"\n]* from |\bimport\()"([^"\n]+)"/gm)) {
      assert.match(from, /^\.\/[\w.-]+\.js$/, `${name} loads ${from}`);
      assert.is((await page(`/static/${from.slice(2)}`)).status, 200, `${name} loads ${from}`);
    }
    const again = await send(stage.served.port, "GET", `/static/${name}`, {
      headers: { "if-none-match": String(answer.headers.etag) },
    });
    assert.equal([again.status, again.text], [304, ""], name);
  }
  assert.match(await text("/static/uPlot.esm.js"), /MIT/);
});

test("V-16: of /static only the files of the list exist", async () => {
  for (const path of [
    "/static/package.json",
    "/static/../main.js",
    "/static/%2e%2e%2fmain.js",
    "/static/__proto__",
    "/static/browser/main.js",
  ])
    assert.is((await page(path)).status, 404, path);
});

test("V-49: the table of all hosts: newest row, no rows of bad hosts, time of rendering", async () => {
  stage.hosts.put(host("a"), host("b", { status: "down" }), host("c", { payload: null }));
  stage.hosts.rows.set("a", [
    { timeMs: THEN_MS, data: payload(gpu(0, { used_memory: 1 })) },
    { timeMs: THEN_MS + 1, data: payload(gpu(0, { used_memory: 2 })) },
  ]);
  stage.hosts.rows.set("b", [{ timeMs: THEN_MS, data: payload(gpu(7)) }]);
  const shown = read(await text("/gpu_table"));
  assert.match(shown, /GPU Table last update: \d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d a running 10\.0\.0\.11/);
  assert.ok(shown.includes("GPU ID GPU Name Memory Usage 0 NVIDIA H100 80GB HBM3 2 / 81559 MiB"), shown);
  assert.is(shown.match(/H100/g)?.length, 1);
  assert.ok(shown.includes("b down 10.0.0.11 No figures while it is not running."), shown);
});

test("V-50: the block of one host, the same as on the page", async () => {
  stage.hosts.put(host("a"));
  const { json, headers } = await page("/?fetch_element=true&element=a");
  assert.is(headers["content-type"], "application/json; charset=utf-8");
  assert.is(json.found, true);
  assert.ok((await text("/")).includes(String(json.element)));
  assert.equal((await page("/?fetch_element=true&element=b")).json, { element: "", found: false });
  assert.equal((await page("/?fetch_element=true")).json, { element: "", found: false });
});

test("V-47: the figures of a host's charts come from its history, with gaps where a GPU was not there", async () => {
  stage.hosts.put(host("a"));
  stage.hosts.rows.set("a", [
    { timeMs: THEN_MS, data: payload(gpu(0, { power_usage: 300 })) },
    { timeMs: THEN_MS + 60_000, data: payload(gpu(0, { gpu_volatile: 5 }), gpu(1, { power_usage: "x" })) },
  ]);
  const { json } = await page("/?fetch_history=true&element=a");
  assert.equal(json, {
    times: [THEN_MS / 1000, THEN_MS / 1000 + 60],
    gpus: {
      "gpu:0": { utilisation: [97, 5], memory: [84, 84], temperature: [61, 61], power: [300, null] },
      "gpu:1": { utilisation: [null, 97], memory: [null, 84], temperature: [null, 61], power: [null, null] },
    },
  });
  assert.is((await page("/?fetch_history=true&element=b")).status, 404);
});

test("V-20, V-47: the figures are those of the time that is asked for, both ends included, in seconds since 1970 or before now", async () => {
  const minute = (count: number) => THEN_MS / 1000 + 60 * count;
  stage.hosts.put(host("a"));
  const rows = [0, 1, 2, 3, 4].map((count) => ({ timeMs: minute(count) * 1000 + 5, data: payload(gpu(0)) }));
  stage.hosts.rows.set("a", rows);
  stage.clock.nowMs = minute(5) * 1000;
  const asked = async (query: string) => await page(`/?fetch_history=1&element=a&${query}`);
  const times = async (query: string) => (await asked(query)).json.times as number[];
  const all = [0, 1, 2, 3, 4].map((count) => minute(count) + 0.005);
  for (const query of ["", "from=&to=", "from=0", "from=-300", `to=${minute(4)}`, "from=-999999999999"])
    assert.equal(await times(query), all, query);
  assert.equal(await times(`from=${minute(1)}&to=${minute(3)}`), all.slice(1, 4));
  assert.equal(await times(`from=${minute(2)}&to=${minute(2)}`), all.slice(2, 3));
  assert.equal(await times("from=-150"), all.slice(3));
  assert.equal(await times("from=-200&to=-110"), all.slice(2, 4));
  assert.equal((await asked("to=5")).json, { times: [], gpus: {} });
  for (const [query, name] of [
    ["from=yesterday", "from"],
    ["from=1.5", "from"],
    ["to=1e9", "to"],
    ["from=0&to=%2B5", "to"],
    ["from=1234567890123", "from"],
    ["from=0&from=1&to=x", "to"],
    ["from=6&to=5", "from"],
  ] as const) {
    const { status, json } = await asked(query);
    assert.equal([status, json.status, json.status_code], [400, "ERROR", 400], query);
    assert.match(String(json.message), new RegExp(`^${name}: `), query);
  }
});

test("V-47: however long the history is, an answer has no more than 1440 times of it", async () => {
  const rows = Array.from({ length: 5_000 }, (_, minute) => ({
    timeMs: THEN_MS + minute * 60_000,
    data: payload(gpu(0)),
  }));
  stage.hosts.put(host("a"));
  stage.hosts.rows.set("a", rows);
  const { times, gpus } = (await page("/?fetch_history=true&element=a")).json as {
    times: number[];
    gpus: Record<string, Record<string, unknown[]>>;
  };
  assert.ok(times.length > 1_000 && times.length <= 1_440, String(times.length));
  assert.is(times.at(-1), THEN_MS / 1000 + 4_999 * 60);
  for (const values of Object.values(gpus["gpu:0"] ?? {})) assert.is(values.length, times.length);
});

test("V-54: who holds a GPU, with a link, and which one is held and idle", async () => {
  stage.hosts.put(host("a", { payload: payload(gpu(0), gpu(1)) }));
  stage.holdings.set("a", {
    "gpu:0": { tasks: [{ run: "sst2-4k2m", task: "train" }], idleMinutes: 12 },
  });
  const main = await text("/");
  assert.match(main, /<a href="\/v1\/pipelines\/sst2-4k2m">sst2-4k2m<\/a> train/);
  assert.match(main, /idle 12 min/);
  assert.match(read(main), /1 held and idle/);
  stage.holdings.set("a", { "gpu:0": { tasks: [], idleMinutes: 13 } });
  const later = await text("/");
  assert.match(later, /idle 13 min/, "without any change of the host");
  assert.not.match(later, "sst2-4k2m");
});

test.run();
