/**
 * `npm run bench:vesta-page`: times between the frames of a page of very many hosts in a real browser, while their figures change. `--help` shows the options.
 */
import { parseArgs } from "node:util";
import { runInterruptibly } from "../../local/interrupt.ts";
import { BrowserPage, findBrowser } from "../support/browser.ts";
import { until } from "../support/deadline.ts";
import { openPageStage, type PageStage } from "../unit/api/vesta/page/page-stage.ts";
import { numberedHost } from "../unit/api/vesta/page/page-world.ts";
import { describeMachine, machineText } from "./machine.ts";
import { replaceSection } from "./page-section.ts";
import { type Frames, measureFrames } from "./vesta-page/frames.ts";

const HELP = `Usage: npm run bench:vesta-page -- [--hosts N] [--gpus N] [--seconds S] [--write]

  --hosts N    hosts on the page (500)
  --gpus N     GPUs of each (8)
  --seconds S  for each row of the table (15)
  --write      put the numbers into docs/performance.md
`;
const WAIT_MS = 120_000;
/** Rounds in which an eighth of the hosts changes come so often. */
const ROUND_MS = 125;
const LONGEST_MS = 1_000;

interface Row {
  name: string;
  /** Seconds in which each host changes once; 0: none changes. */
  everySeconds: number;
  /** Pixels by which each frame is scrolled. */
  pixels: number;
}

const ROWS: readonly Row[] = [
  { name: "nothing changes, scrolled", everySeconds: 0, pixels: 40 },
  { name: "all change every 15 s, at rest", everySeconds: 15, pixels: 0 },
  { name: "all change every 15 s, scrolled", everySeconds: 15, pixels: 40 },
  { name: "all change every second, at rest", everySeconds: 1, pixels: 0 },
  { name: "all change every second, scrolled", everySeconds: 1, pixels: 40 },
];

/** Changes hosts evenly until it is stopped. */
function changing(stage: PageStage, hosts: number, gpus: number, everySeconds: number): () => void {
  if (everySeconds === 0) return () => {};
  let next = 0;
  const timer = setInterval(() => {
    const some = Math.ceil((hosts * ROUND_MS) / (everySeconds * 1000));
    for (let index = 0; index < some; index++, next++) {
      stage.hosts.put(numberedHost(next % hosts, Math.floor(next / hosts) + 1, gpus));
    }
  }, ROUND_MS);
  return () => clearInterval(timer);
}

function tableOf(measured: readonly (readonly [Row, Frames])[]): string {
  const ms = (value: number) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
  const rows = measured.map(
    ([{ name }, { count, p50, p95, p99, longest, late }]) =>
      `| ${name} | ${count} | ${ms(p50)} | ${ms(p95)} | ${ms(p99)} | ${ms(longest)} | ${(100 * late).toFixed(1)} % |`,
  );
  return ["| | frames | p50 | p95 | p99 | longest | over 50 ms |", "|---|--:|--:|--:|--:|--:|--:|", ...rows].join("\n");
}

await runInterruptibly(async () => {
  const { values } = parseArgs({
    options: {
      hosts: { type: "string", default: "500" },
      gpus: { type: "string", default: "8" },
      seconds: { type: "string", default: "15" },
      write: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const [hosts, gpus, seconds] = [Number(values.hosts), Number(values.gpus), Number(values.seconds)];
  const browser = await findBrowser();
  if ("cannot" in browser) throw new Error(browser.cannot);
  const machine = await describeMachine();
  const stage = await openPageStage({ pageSize: hosts, liveSeconds: 1 });
  const page = await BrowserPage.open(browser.path, "about:blank");
  const measured: (readonly [Row, Frames])[] = [];
  let first = 0;
  try {
    for (let number = 0; number < hosts; number++) stage.hosts.put(numberedHost(number, 0, gpus));
    await page.emulate({ width: 1920, height: 1080, dark: true });
    const start = performance.now();
    await page.go(stage.url);
    await until(() => page.evaluate<boolean>(`document.querySelector('[data-state="live"]') !== null`), WAIT_MS, {
      describe: "a live page",
    });
    first = performance.now() - start;
    for (const row of ROWS) {
      const stop = changing(stage, hosts, gpus, row.everySeconds);
      measured.push([row, await measureFrames(page, seconds, row.pixels)]);
      stop();
    }
  } finally {
    await page.close();
    await stage.close();
  }
  const what = `${hosts} hosts of ${gpus} GPUs on one page of 1920 × 1080, drawn without a graphics card; the first frame with figures that are live after ${(first / 1000).toFixed(1)} s.`;
  const text = `${machineText(machine)} ${what}\n\n${tableOf(measured)}`;
  process.stdout.write(`${text}\n`);
  for (const [{ name }, { longest }] of measured) {
    if (longest < LONGEST_MS) continue;
    process.stderr.write(`${name}: a frame took ${Math.round(longest)} ms, and ${LONGEST_MS} are the most\n`);
    process.exitCode = 1;
  }
  if (values.write) replaceSection("bench:vesta-page", text);
});
