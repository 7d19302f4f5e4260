import type { BrowserPage } from "../../support/browser.ts";

/** Times between the frames of a page, in ms. */
export interface Frames {
  count: number;
  p50: number;
  p95: number;
  p99: number;
  longest: number;
  /** Share of frames that came more than 50 ms after the one before: what people see as a jerk. */
  late: number;
}

/** Measures the frames of a page for some seconds; it is scrolled by so many pixels in each frame, up and down again. */
export async function measureFrames(page: BrowserPage, seconds: number, pixels: number): Promise<Frames> {
  const times = await page.evaluate<number[]>(`new Promise((done) => {
    const times = [];
    let pixels = ${pixels};
    let before;
    const end = performance.now() + ${seconds * 1000};
    const step = (now) => {
      if (before !== undefined) times.push(now - before);
      before = now;
      const { scrollHeight } = document.documentElement;
      if (scrollY + innerHeight >= scrollHeight - 1 || (scrollY <= 0 && pixels < 0)) pixels = -pixels;
      scrollBy(0, pixels);
      if (now < end) requestAnimationFrame(step);
      else done(times);
    };
    requestAnimationFrame(step);
  })`);
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return {
    count: sorted.length,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    longest: sorted.at(-1) ?? Number.NaN,
    late: times.filter((time) => time > 50).length / times.length,
  };
}
