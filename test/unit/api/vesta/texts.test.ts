import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Host } from "../../../../api/vesta/hosts/host.ts";
import type { TextVersion } from "../../../../api/vesta/settings/vesta-settings.ts";
import { type DetailForm, detailSheet } from "../../../../api/vesta/texts/detail.ts";
import { gpuTableSheet } from "../../../../api/vesta/texts/gpu-table.ts";
import { type HostView, latestView, rowView } from "../../../../api/vesta/texts/host-view.ts";
import { digits, padLeft, padRight, share } from "../../../../api/vesta/texts/padding.ts";
import { pageCount, textPage } from "../../../../api/vesta/texts/paging.ts";
import { sheetText } from "../../../../api/vesta/texts/sheet.ts";
import { hostInfo, hostSummary } from "../../../../api/vesta/texts/summary.ts";
import { tableBody, tableSheet } from "../../../../api/vesta/texts/table.ts";
import { timeFormatter } from "../../../../api/vesta/timestamp.ts";
import { golden } from "./golden-text.ts";
import { gpu, host, payload, SAMPLE } from "./sample-hosts.ts";

const test = suite("vesta: texts of the terminal");
const format = timeFormatter("MDY", "UTC");
const latest = (hosts: readonly Host[]): HostView[] => hosts.map((one) => latestView(one, format));
const views = latest(SAMPLE);
const tableText = (hosts: readonly HostView[], version: TextVersion): string => sheetText(tableSheet(version), hosts);
const detailText = (hosts: readonly HostView[], form: DetailForm): string => sheetText(detailSheet(form), hosts);
const gpuTableText = (hosts: readonly HostView[], version: TextVersion): string =>
  sheetText(gpuTableSheet(version), hosts);
const [first, , down] = SAMPLE;
const { 0: nodeView, 1: migView, 2: downView } = views as [HostView, HostView, HostView];
const lengths = (text: string): number[] =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => [...line].length);

/** As the oldest version printed it. */
const GEFORCE = gpu({
  ...{ gpu_name: "GeForce GTX 1080 Ti", timestamp: "2019/03/24 20:00:00.000", temperature: 80 },
  ...{ used_memory: 8_018, total_memory: 11_169, available_memory: 3_151 },
});
const IDLE_GEFORCE = gpu({
  ...GEFORCE,
  ...{ device_num: 1, used_memory: 2, total_memory: 11_172, available_memory: 11_170, temperature: 38 },
});

test("V-38, V-40: the table", () => {
  assert.is(tableText(views, "1.0.0"), golden("table"));
});

test("V-37: the table as the first version printed it, byte for byte", () => {
  const busy = { ...GEFORCE, gpu_volatile: 92 };
  const text = tableText(
    latest([
      host("mau_local", { payloadMs: 0, payload: payload(GEFORCE, IDLE_GEFORCE) }),
      host("mau_local_11a7c5eb", { payloadMs: 0, payload: payload(busy, IDLE_GEFORCE) }),
      host("mau_local_ac993634", {
        payloadMs: 0,
        payload: { "gpu:0": busy, "gpu:1": IDLE_GEFORCE, "gpu:2": IDLE_GEFORCE, "gpu:3": IDLE_GEFORCE },
      }),
    ]),
    "1.0.0",
  );
  assert.is(text, golden("table-of-three"));
});

test("V-37, V-41, V-42, section 12, 1 and 2: the detail as the first version printed it, but for the blanks of `last update`", () => {
  const processes = [
    { pid: "1", name: "train1", user: "root", used_memory: 6_400 },
    { pid: "2", name: "train2", user: "user1", used_memory: 1_618 },
  ];
  const busy = { ...GEFORCE, gpu_volatile: 92, processes };
  const one = host("mau_local_19e5d26c", {
    ipAddress: "127.0.0.1",
    payloadMs: Date.UTC(2019, 2, 24, 20, 27, 10),
    payload: payload(busy, IDLE_GEFORCE),
  });
  const view = latestView(one, timeFormatter("DMY", "UTC"));
  assert.is(detailText([view], { version: "1.0.0", width: 80 }), golden("detail-of-one"));
});

test("V-41 to V-43: the detail of a node and of a machine that is down", () => {
  assert.is(detailText([migView, downView], { version: "1.0.0", width: 80 }), golden("detail"));
});

test("V-44: the table of models and memory", () => {
  const rows = SAMPLE.map((one) => rowView(one, { timeMs: one.payloadMs ?? 0, data: one.payload ?? {} }, format));
  assert.is(gpuTableText(rows, "1.0.0"), golden("gpu-table"));
});

test("V-37, section 12, 1: version 1.2.5 prints its number and a narrower column, and nothing else", () => {
  const texts = (version: "1.0.0" | "1.2.5"): string =>
    [tableText(views, version), gpuTableText(views, version), detailText(views, { version, width: 80 })].join();
  const [old, recent] = [texts("1.0.0").split("\n"), texts("1.2.5").split("\n")];
  assert.is(old.length, recent.length);
  const pairs = old.map((line, at) => [line, recent[at] ?? ""] as const).filter(([a, b]) => a !== b);
  assert.is(pairs.length, 3 + 3);
  for (const [one, other] of pairs) {
    if (one.includes("vesta ver. 1.0.0")) assert.is(one.replace("1.0.0", "1.2.5"), other);
    else assert.is(one.replace(/ {1}( *\d+MiB \w+)/, "$1").replace(/ │$/, "  │"), other);
  }
});

test("V-39: what a host without GPUs shows, and its time", () => {
  const lines = (one: Host): string[] =>
    tableText(latest([one]), "1.0.0")
      .split("\n")
      .slice(5, 7);
  const never = host("n", { ipAddress: "10.0.0.1" });
  const name = `n${" ".repeat(29)}`;
  assert.equal(lines(never), [
    `| status: running${" ".repeat(62)}|`,
    `|   ${name} (10.0.0.1) last update: no entry received.  |`,
  ]);
  assert.match(lines({ ...never, status: "waiting for re-uplink" }).join(), "| status: waiting for re-uplink ");
  assert.match(lines({ ...never, status: "down", lastContactMs: 5 }).join(), "update: no entry received. ");
  const lost: Host = { ...never, status: "down", lastContactMs: 1000, payloadMs: 0, payload: payload(gpu()) };
  assert.match(lines(lost).join(), "last update: 01/01/1970 00:00:01 |");
  assert.match(lines({ ...lost, status: "running", payload: {} }).join(), "status: running");
});

test("V-36, V-39, section 12, 10 and 11: pages", () => {
  const hosts = Array.from({ length: 16 }, (_, at) => at);
  assert.equal(
    [0, 1, 8, 9, 16, 17].map((count) => pageCount(count, 8)),
    [1, 1, 1, 2, 2, 3],
  );
  assert.equal(textPage(hosts, 0, 8), hosts);
  assert.equal(textPage(hosts, 2, 8), hosts.slice(8));
  assert.equal(textPage(hosts, 3, 8), []);
  assert.equal(textPage(hosts, Number.MAX_SAFE_INTEGER, 8), []);
  assert.throws(() => textPage(hosts, -1, 8), "invalid page number.");
  assert.is(tableText([], "1.0.0"), `${golden("table").split("\n").slice(0, 5).join("\n")}\n`);
  assert.is(detailText([], { version: "1.0.0", width: 80 }), "vesta ver. 1.0.0\n");
});

test("V-42, section 12, 3: of a long name the end is shown", () => {
  const named = (name: string): string => {
    const processes = [{ pid: "1", name, user: "u", used_memory: 1 }];
    const text = detailText(latest([host("h", { payloadMs: 0, payload: payload(gpu({ processes })) })]), {
      ...{ version: "1.0.0", width: 80 },
    });
    return /└── (.*?) +1MiB u/.exec(text)?.[1] ?? "";
  };
  assert.is(named("a".repeat(25)), "a".repeat(25));
  assert.is(named(`${"a".repeat(25)}b`), `…${"a".repeat(23)}b`);
  assert.is(named("short"), "short");
});

test("V-41: headings around the width, and a name that is cut", () => {
  const heading = (name: string, width: number): string =>
    detailText([{ ...nodeView, name, ip: "1" }], { version: "1.0.0", width }).split("\n")[2] ?? "";
  const titled = (length: number): string => "n".repeat(length - " :: 1".length);
  assert.is(heading(titled(33), 40), `#### ${titled(33)} :: 1 #`);
  assert.is(heading(titled(34), 40), `#### ${titled(34)} :: 1`);
  assert.is(heading(titled(35), 40), `#### ${titled(35)} :: 1`);
  assert.is(heading(titled(36), 40).length, 41);
  assert.is(heading(titled(37), 40), `#### ${`${titled(37)} :: 1`.slice(0, 34)}…`);
});

test("section 12, 23: a total of 0 is 0 %, and a share above all of it fills the bar and no more", () => {
  assert.equal([share(5, 0, 100), share(0, 0, 61), share(8_018, 11_169, 100), share(29, 100, 100)], [0, 0, 71, 28]);
  const bar = (used: number, total: number): string => {
    const data = payload(gpu({ used_memory: used, total_memory: total }));
    return (
      /mem (\[.*)$/m.exec(
        detailText(latest([host("h", { payloadMs: 0, payload: data })]), { version: "1.0.0", width: 40 }),
      )?.[1] ?? ""
    );
  };
  assert.is(bar(1, 0), `[${" ".repeat(21)}]   0% │`);
  assert.is(bar(3, 2), `[${"/".repeat(21)}] 150% │`);
  assert.is(bar(-3, 2), `[${" ".repeat(21)}] -150% │`);
});

test("V-38, V-41 to V-44: every line has its width, whatever hosts are called and however large numbers are", () => {
  let seed = 7;
  const random = (most: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % most;
  };
  const alphabet = [..."ab-._ 漢字é\u0301😀👩‍💻ظ<&'\"`"];
  const word = (most: number): string =>
    Array.from({ length: random(most) }, () => alphabet[random(alphabet.length)] ?? "").join("");
  const number = (): number => [0, 7, 99_999, 1_000_000, -5, 123_456_789_012, 2e15][random(7)] ?? 0;
  for (let round = 0; round < 300; round += 1) {
    const processes = Array.from({ length: random(3) }, () => ({
      ...{ pid: "1", name: word(60), user: word(60), used_memory: number() },
    }));
    const one = gpu({
      ...{ device_num: number(), gpu_name: word(60), timestamp: word(60), processes },
      ...{ used_memory: number(), total_memory: number(), available_memory: number() },
      ...{ gpu_volatile: number(), temperature: number() },
    });
    const hosts = latest([
      host(word(140), { payloadMs: 0, payload: payload(one, { ...one, device_num: 1 }) }),
      host(word(140), { ipAddress: "10.0.0.1", status: "down" }),
    ]);
    for (const text of [tableText(hosts, "1.0.0"), gpuTableText(hosts, "1.2.5")]) {
      assert.ok(
        lengths(text).every((length) => length === 80),
        text,
      );
    }
    const width = 40 + random(461);
    const lines = detailText(hosts, { version: "1.0.0", width }).split("\n").slice(1, -1);
    for (const line of lines) {
      const length = [...line].length;
      // The percentage is as wide as it needs to be, and a heading may be one column too long or one short.
      if (line.startsWith("  │ mem [")) assert.ok(length >= width - 2, line);
      else if (line.startsWith("#### ")) assert.ok(length >= width - 1 && length <= width + 1, line);
      else assert.ok([0, width, width - 2].includes(length), `${width}: ${line}`);
    }
  }
});

test("code points are what is counted, and all digits of a number are shown", () => {
  assert.is(padRight("é\u0301漢😀", 5), "é\u0301漢😀 ");
  assert.is(padRight("😀😀😀", 2), "😀…");
  assert.is(padLeft("abc", 5), "  abc");
  assert.is(padLeft("abcdef", 5), "abcd…");
  assert.equal([padRight("a", 0), padRight("a", -1), padRight("", 2), padRight("ab", 1)], ["", "", "  ", "…"]);
  assert.equal([digits(1e21, 2), digits(-3, 4), digits(12_345, 3)], ["1000000000000000000000", "  -3", "12345"]);
});

test("V-62: a host in short", () => {
  assert.is(hostSummary(nodeView, "1.0.0"), golden("summary"));
  assert.is(hostSummary(downView, "1.0.0"), "mau_local_lab    : DEAD\n");
  assert.is(
    hostSummary(latestView(host("idle", { payloadMs: 0, payload: payload(gpu()) }), format), "1.0.0"),
    "idle             : Alive\n",
  );
});

test("V-63: where a host is", () => {
  assert.is(
    hostInfo(downView),
    [
      "Info:",
      "    Host name   : mau_local_lab",
      "    IP address  : 127.0.0.1",
      "    Last update : 11/20/2026 23:39:38",
      "    Status      : down\n",
    ].join("\n"),
  );
});

test("V-61: the bot's table is the terminal's without its title", () => {
  assert.is(sheetText(tableBody(), views), golden("table").split("\n").slice(2).join("\n"));
});

test("V-43: one host by its newest row, the box where there is none or where it is bad", () => {
  assert.ok(first !== undefined && down !== undefined);
  const box = (view: HostView): boolean => detailText([view], { version: "1.0.0", width: 80 }).includes("│  status: ");
  const row = { timeMs: 0, data: payload(gpu()) };
  assert.equal(
    [box(rowView(first, row, format)), box(rowView(first, undefined, format)), box(rowView(down, row, format))],
    [false, true, true],
  );
  assert.is(rowView(first, undefined, format).time, "no entry received.");
});

test("V-34: times by format and zone, also when clocks change", () => {
  const instant = Date.UTC(2018, 10, 23, 20, 45, 14, 999);
  const zoned = (zone: string): string => timeFormatter("YMD", zone)(instant);
  assert.is(zoned("UTC"), "2018/11/23 20:45:14");
  assert.is(timeFormatter("MDY", "UTC")(instant), "11/23/2018 20:45:14");
  assert.is(timeFormatter("DMY", "UTC")(instant), "23/11/2018 20:45:14");
  assert.is(zoned("Asia/Tokyo"), "2018/11/24 05:45:14");
  assert.is(zoned("Asia/Kathmandu"), "2018/11/24 02:30:14");
  assert.is(zoned("Africa/Monrovia"), "2018/11/23 20:45:14");
  const berlin = timeFormatter("YMD", "Europe/Berlin");
  const change = Date.UTC(2026, 9, 25, 1, 0, 0);
  assert.equal([berlin(change - 1000), berlin(change)], ["2026/10/25 02:59:59", "2026/10/25 02:00:00"]);
  assert.is(timeFormatter("YMD", "UTC")(Date.UTC(2026, 0, 1)), "2026/01/01 00:00:00");
});

test.run();
