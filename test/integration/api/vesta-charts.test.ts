// timeout: 900
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { BrowserPage } from "../../support/browser.ts";
import { gpu, host, type PageStage, payload, THEN_MS } from "../../unit/api/vesta/page/page-stage.ts";
import { showSmallCluster } from "../../unit/api/vesta/page/page-world.ts";
import { count, eventually, faults, look, names, text, untilLive } from "./vesta-browser.ts";

const test = suite("vesta: the charts of the page in a browser");

const FIRST = '[data-host="gpu-node-1"]';
const CHART = `${FIRST} .chart`;
const SPAN = `${FIRST} .span select`;

/** A host with a row of each of these ages in minutes; utilisation tells which rows a chart shows. */
function showAges(ages: Readonly<Record<string, number>>): (stage: PageStage) => void {
  return (stage) => {
    stage.hosts.put(host("gpu-node-1", { payload: payload(gpu(0, { gpu_volatile: 10 })) }), host("gpu-node-2"));
    const rows = Object.entries(ages).map(([minutes, gpu_volatile]) => ({
      timeMs: THEN_MS - Number(minutes) * 60_000,
      data: payload(gpu(0, { gpu_volatile })),
    }));
    for (const name of ["gpu-node-1", "gpu-node-2"]) stage.hosts.rows.set(name, rows.toReversed());
  };
}

/** Opens the page as somebody who has chosen that time before. */
async function visitWith(page: BrowserPage, stage: PageStage, chosen: string): Promise<void> {
  await page.evaluate(`localStorage.setItem("vesta.charts", "${chosen}")`);
  await page.go(stage.url);
  await untilLive(page);
}

/** Waits until the chart of a host says so about utilisation. */
const showsUtilisation = (page: BrowserPage, said: string, { chart = CHART, newest = "now" } = {}) =>
  eventually(`a chart with utilisation ${said}`, async () =>
    (await page.evaluate<string>(`document.querySelector('${chart}')?.getAttribute("aria-label") ?? ""`)).startsWith(
      `Over time: utilisation ${newest} ${said};`,
    ),
  );

test("V-47, V-55: the time that charts show is chosen with the keyboard, for all of them, and kept for the next visit", async () => {
  const DAY = 24 * 60;
  const ages = { 30: 11, [10 * 60]: 22, [20 * 60]: 33, [3 * DAY]: 44, [20 * DAY]: 55 };
  await look("time of charts", {}, showAges(ages), async (page, stage) => {
    await page.evaluate(`document.querySelectorAll("details").forEach((one) => { one.open = true; })`);
    await showsUtilisation(page, "11 %, from 11 to 22");
    assert.ok((await page.spoken()).some(({ role, name }) => role === "combobox" && name === "Charts show"));
    assert.equal(await faults(page), []);
    await page.evaluate(`document.querySelector('${SPAN}').focus()`);
    for (const said of ["11 %, from 11 to 33", "11 %, from 11 to 44", "11 %, from 11 to 55"]) {
      await page.press("ArrowDown");
      await showsUtilisation(page, said);
      await showsUtilisation(page, said, { chart: '[data-host="gpu-node-2"] .chart' });
    }
    assert.is(await page.evaluate<string>("document.activeElement.value"), "all");
    const asked = page.requested.filter((url) => url.includes("fetch_history") && url.includes("gpu-node-1"));
    assert.equal(
      asked.map((url) => new URL(url).searchParams.get("from")),
      ["-43200", "-86400", "-604800", null],
    );
    // What comes in is added, and the choice stays where it is.
    stage.hosts.put(host("gpu-node-1", { payload: payload(gpu(0, { gpu_volatile: 66 })) }));
    await showsUtilisation(page, "66 %, from 11 to 66");
    assert.is(await page.evaluate<string>("document.activeElement.value"), "all");
    await page.go(stage.url);
    await untilLive(page);
    await page.evaluate(`document.querySelector("details").open = true`);
    await showsUtilisation(page, "11 %, from 11 to 55");
    assert.is(await page.evaluate<string>(`document.querySelector('${SPAN}').value`), "all");
  });
});

test("V-47: a chart of the last hour lets go of what is older, and says so where there is nothing", async () => {
  await look("last hour", {}, showAges({ 50: 11, 20: 22, 300: 33 }), async (page, stage) => {
    await visitWith(page, stage, "1h");
    await page.evaluate(`document.querySelector("details").open = true`);
    await showsUtilisation(page, "22 %, from 11 to 22");
    stage.clock.nowMs += 30 * 60_000;
    stage.hosts.put(host("gpu-node-1", { payload: payload(gpu(0, { gpu_volatile: 77 })) }));
    await showsUtilisation(page, "77 %, from 22 to 77");
    stage.clock.nowMs += 10 * 60 * 60_000;
    await page.evaluate(`const { parentNode: own } = document.querySelector("summary"); own.open = false`);
    await eventually("folded", async () => (await count(page, "details[open]")) === 0);
    await page.evaluate(`document.querySelector("details").open = true`);
    await eventually("no history", async () => (await text(page, CHART)) === "No history of this time.");
    stage.hosts.put(host("gpu-node-1", { payload: payload(gpu(0, { gpu_volatile: 88 })) }));
    await showsUtilisation(page, "88 %, from 88 to 88");
  });
});

test("V-46, V-47: a host that is down shows its past when it is unfolded, and no figures of now", async () => {
  await look("past of a host that is down", {}, showAges({ 60: 11, 120: 22, [20 * 60]: 33 }), async (page, stage) => {
    const past = { newest: "last" };
    const down = host("gpu-node-1", { status: "down" });
    stage.hosts.put(down);
    await eventually("a host that is down", async () => (await count(page, ".bad_status")) === 1);
    await page.evaluate(`document.querySelector("details").open = true`);
    await showsUtilisation(page, "11 %, from 11 to 22", past);
    const now = `${FIRST} :is(.processes, .figures, .pie)`;
    assert.equal([await count(page, now), await count(page, `${SPAN} option`)], [0, 5]);
    assert.equal(await faults(page), []);
    await page.evaluate(`document.querySelector('${SPAN}').focus()`);
    await page.press("ArrowDown");
    await showsUtilisation(page, "11 %, from 11 to 33", past);
    stage.hosts.put(host("gpu-node-1", { payload: payload(gpu(0, { gpu_volatile: 44 })) }));
    await showsUtilisation(page, "44 %, from 11 to 44");
    assert.equal([await count(page, `${FIRST} .figures`), await count(page, "canvas")], [1, 1]);
    stage.hosts.put(down);
    await eventually("its past again", async () => (await count(page, ".past canvas")) === 1);
    await showsUtilisation(page, "44 %, from 11 to 44", past);
    assert.equal([await count(page, now), await count(page, "canvas")], [0, 1]);
    assert.is(await page.evaluate<string>(`document.querySelector('${SPAN}').value`), "24h");
    stage.hosts.put(host("never", { status: "waiting for re-uplink", payload: null, payloadMs: null }));
    await eventually("a host that was never heard of", async () => (await names(page)).includes("never"));
    await page.evaluate(`document.querySelector('[data-host="never"] details').open = true`);
    await eventually("no history", async () =>
      (await text(page, '[data-host="never"] .past')).startsWith("No history of this time."),
    );
  });
});

test("V-47: a page that holds very many points asks for the past anew in place of dropping its beginning", async () => {
  const show = (stage: PageStage) => {
    showAges({})(stage);
    const row = (minutes: number) => ({
      ...{ host: "gpu-node-1", timeMs: THEN_MS - minutes * 60_000 },
      data: JSON.stringify(payload(gpu(0, { gpu_volatile: minutes === 1_999 ? 5 : 50 }))),
    });
    // More than a server gives, so that the page is full after one more.
    stage.hosts.history.sample = async function* () {
      for (let minutes = 1_999; minutes > 0; minutes--) yield row(minutes);
    };
  };
  await look("very many points", {}, show, async (page, stage) => {
    await visitWith(page, stage, "all");
    await page.evaluate(`document.querySelector("details").open = true`);
    await showsUtilisation(page, "50 %, from 5 to 50");
    stage.hosts.put(host("gpu-node-1", { payload: payload(gpu(0, { gpu_volatile: 99 })) }));
    await eventually(
      "the past anew",
      async () => page.requested.filter((url) => url.includes("fetch_his")).length === 2,
    );
    await showsUtilisation(page, "50 %, from 5 to 50");
  });
});

test("V-47: who has pulled a part out of a chart goes on to see that part while figures come in", async () => {
  await look("part of a chart", {}, showSmallCluster, async (page, stage) => {
    await page.evaluate(`document.querySelector("details").open = true`);
    await eventually("charts", async () => (await count(page, "canvas")) === 4);
    const first = '[data-host="gpu-node-1"]';
    const drawn = () => page.evaluate<string>(`document.querySelector('${first} canvas').toDataURL()`);
    const place = await page.evaluate<{ x: number; y: number; width: number }>(
      `(({ x, y, width }) => ({ x, y, width }))(document.querySelector('${first} .u-over').getBoundingClientRect())`,
    );
    const whole = await drawn();
    const at = (part: number) => ({ x: place.x + part * place.width, y: place.y + 50 });
    await page.pull(at(0.2), at(0.6));
    await eventually("a part of it", async () => (await drawn()) !== whole);
    const part = await drawn();
    stage.hosts.put(host("gpu-node-1", { payload: payload(gpu(0, { gpu_volatile: 3, power_usage: 99 })) }));
    await showsUtilisation(page, "3 %, from 0 to 98");
    assert.is(await drawn(), part);
  });
});

test("V-55: a page with open charts follows the colours that the system asks for", async () => {
  await look("colours", {}, showSmallCluster, async (page) => {
    await page.evaluate(`document.querySelector("details").open = true`);
    await eventually("charts", async () => (await count(page, "canvas")) === 4);
    const drawn = () => page.evaluate<string>(`document.querySelector("canvas")?.toDataURL() ?? ""`);
    const light = await drawn();
    await page.emulate({ dark: true, calm: true });
    await eventually("charts in other colours", async () => !["", light].includes(await drawn()));
    assert.is(await count(page, "canvas"), 4);
  });
});
test.run();
