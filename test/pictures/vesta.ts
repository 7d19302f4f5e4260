/**
 * `npm run screenshots`: takes the pictures of the documentation; with `-- --out DIR` all of them, into another directory; with `--only NAME` those whose names hold it.
 */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { BrowserPage, type Emulated, findBrowser } from "../support/browser.ts";
import { until } from "../support/deadline.ts";
import { openPageStage, type PageStage, THEN_MS } from "../unit/api/vesta/page/page-stage.ts";
import { numberedHost, showHostileMachines, showSmallCluster } from "../unit/api/vesta/page/page-world.ts";

const WAIT_MS = 60_000;
const IMAGES = resolve(import.meta.dirname, "../../../docs/images");

interface Picture extends Emulated {
  name: string;
  path?: string;
  world: "empty" | "small" | "many" | "hostile";
  /** Whether the first host is unfolded. */
  open?: true;
  /** One of those in the documentation. */
  shown?: true;
}

const PICTURES: readonly Picture[] = [
  { name: "vesta-page", world: "small", width: 1240, height: 700, dark: false, shown: true },
  { name: "vesta-dark", world: "small", width: 1280, height: 720, dark: true },
  { name: "vesta-host", world: "small", width: 1240, height: 860, dark: true, open: true, shown: true },
  { name: "vesta-host-light", world: "small", width: 1280, height: 1400, dark: false, open: true },
  { name: "vesta-phone", world: "small", width: 360, height: 740, scale: 2, dark: false },
  { name: "vesta-phone-open", world: "small", width: 360, height: 1600, dark: true, open: true },
  { name: "vesta-empty", world: "empty", width: 1280, height: 500, dark: false },
  { name: "vesta-table", path: "/gpu_table", world: "small", width: 1280, height: 620, dark: false },
  { name: "vesta-many", world: "many", width: 1920, height: 1080, dark: true },
  { name: "vesta-wall", world: "many", width: 3840, height: 2160, dark: true },
  { name: "vesta-hostile", world: "hostile", width: 1280, height: 1400, dark: false, open: true },
  { name: "vesta-hostile-phone", world: "hostile", width: 360, height: 1600, dark: true, open: true },
];

async function take(browser: string, picture: Picture, stage: PageStage, out: string): Promise<void> {
  const page = await BrowserPage.open(browser, "about:blank");
  try {
    await page.emulate({ calm: true, ...picture });
    await page.go(`${stage.url}${picture.path ?? "/"}`);
    const ready = picture.path === undefined ? '[data-state="live"]' : ".version";
    await until(() => page.evaluate<boolean>(`document.querySelector('${ready}') !== null`), WAIT_MS, {
      describe: `${picture.name} is there`,
    });
    if (picture.open) {
      await page.evaluate('document.querySelector("details").open = true');
      await until(() => page.evaluate<number>('document.querySelectorAll("details[open] canvas").length'), WAIT_MS, {
        describe: "charts",
        accept: (count) => count > 1,
      });
    }
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    await page.screenshot(join(out, `${picture.name}.png`));
    for (const complaint of page.complaints) console.error(`${picture.name}: ${complaint}`);
  } finally {
    await page.close();
  }
}

const { values } = parseArgs({ options: { out: { type: "string" }, only: { type: "string" } } });
const browser = await findBrowser();
if ("cannot" in browser) throw new Error(browser.cannot);
const out = values.out ?? IMAGES;
mkdirSync(out, { recursive: true });
for (const picture of PICTURES) {
  if (values.only === undefined ? values.out === undefined && !picture.shown : !picture.name.includes(values.only))
    continue;
  const stage = await openPageStage({
    pageSize: picture.world === "many" ? 500 : 8,
    mainPage: { title: "GPU info", description: "training cluster" },
  });
  if (picture.world === "small") showSmallCluster(stage, THEN_MS);
  if (picture.world === "many") {
    for (let index = 0; index < 500; index++) stage.hosts.put(numberedHost(index));
    for (const index of [17, 203]) stage.hosts.put({ ...numberedHost(index), status: "down" });
  }
  if (picture.world === "hostile") showHostileMachines(stage);
  try {
    await take(browser.path, picture, stage, out);
  } finally {
    await stage.close();
  }
}
