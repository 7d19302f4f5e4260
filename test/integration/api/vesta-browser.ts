import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as assert from "uvu/assert";
import type { Certificate } from "../../../api/certificate.ts";
import { BrowserPage, type Emulated, findBrowser } from "../../support/browser.ts";
import { until } from "../../support/deadline.ts";
import { skip } from "../../support/skip.ts";
import { openPageStage, type PageStage } from "../../unit/api/vesta/page/page-stage.ts";

/** Generous, as a loaded machine may be. */
export const WAIT_MS = 60_000;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await findBrowser();

/** How the page is looked at. */
export interface Look extends Emulated {
  path?: string;
  settings?: Parameters<typeof openPageStage>[0];
  /** HTTPS is served with it. */
  tls?: Certificate;
}

/** Opens the page over hosts of the test; afterwards nothing may have come from elsewhere and the browser may have nothing to complain of. */
export async function look(
  title: string,
  { path = "/", settings, tls, ...device }: Look,
  show: (stage: PageStage) => void,
  action: (page: BrowserPage, stage: PageStage) => Promise<void>,
): Promise<void> {
  if ("cannot" in browser) return skip(title, browser.cannot);
  const stage = await openPageStage({ liveSeconds: 0.2, ...settings }, tls === undefined ? {} : { tls });
  const page = await BrowserPage.open(browser.path, "about:blank", tls?.cert);
  try {
    show(stage);
    await page.emulate({ width: 1280, height: 900, dark: false, calm: true, ...device });
    await page.go(stage.url + path);
    if (path.startsWith("/?") || path === "/") {
      if (device.scripts !== false) await untilLive(page);
    } else {
      await until(() => page.evaluate<boolean>('document.readyState === "complete"'), WAIT_MS, {
        describe: "the page",
      });
    }
    await action(page, stage);
    const foreign = page.requested.filter((url) => !url.startsWith(`${stage.url}/`) && url !== "about:blank");
    assert.equal(foreign, [], "requests to others");
    assert.equal(
      page.complaints.filter((text) => !/websocket/i.test(text)),
      [],
      "complaints",
    );
  } finally {
    await page.close();
    await stage.close();
  }
}

/** Whether the page has its connection. */
export const isLive = (page: BrowserPage) =>
  page.evaluate<boolean>(`document.querySelector('[data-state="live"]') !== null`);
/** Waits until a page that was opened has its connection and knows what it was told first: that may come after a part was unfolded, and is news to charts then. */
export const untilLive = (page: BrowserPage) =>
  until(async () => page.heard > 0 && (await isLive(page)), WAIT_MS, { describe: "a live page" });
/** What a reader sees of the first element of that selector. */
export const text = (page: BrowserPage, selector: string) =>
  page.evaluate<string>(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`);
/** How many elements of that selector there are. */
export const count = (page: BrowserPage, selector: string) =>
  page.evaluate<number>(`document.querySelectorAll(${JSON.stringify(selector)}).length`);
/** Names of the hosts, in the order of the page. */
export const names = (page: BrowserPage) =>
  page.evaluate<string[]>(`[...document.querySelectorAll("[data-host]")].map((one) => one.dataset.host)`);
/** Waits until that is so. */
export const eventually = (describe: string, check: () => Promise<boolean>) => until(check, WAIT_MS, { describe });

/** What axe-core finds wrong, as texts. */
export async function faults(page: BrowserPage): Promise<string[]> {
  await page.evaluate(`${AXE}; undefined`);
  return await page.evaluate<string[]>(
    `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, impact, nodes }) => impact + ": " + id + ": " + nodes.map(({ target, failureSummary }) => target + " " + failureSummary).slice(0, 3).join("; ")))`,
  );
}
