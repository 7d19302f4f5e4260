/** One thing that is being done, from `Progress.step` until `done` or `fail`. */
export interface Step {
  /** Replaces the detail shown beside the title. */
  update(detail: string): void;
  done(detail?: string): void;
  fail(detail: string): void;
}

/** Where long-running work tells a person what it is doing. */
export interface Progress {
  step(title: string): Step;
}

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const SPIN_EVERY_MS = 120;
const DETAIL_EVERY_MS = 10_000;

/**
 * Progress on a stream: on a terminal one line per step, redrawn in place; elsewhere a line when a step starts, one when
 * it ends and, between them, at most one line of detail per 10 s (so that a log stays short but never silent).
 */
export function streamProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  return { step: (title) => (stream.isTTY ? terminalStep(stream, title) : plainStep(stream, title)) };
}

/** Progress that nobody watches. */
export const silentProgress: Progress = {
  step: () => ({ update() {}, done() {}, fail() {} }),
};

function elapsed(since: number): string {
  const seconds = (Date.now() - since) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

function line(mark: string, title: string, detail: string | undefined, since: number): string {
  const text = detail ? `${title}: ${detail}` : title;
  return `${mark} ${text} (${elapsed(since)})`;
}

function terminalStep(stream: NodeJS.WriteStream, title: string): Step {
  const since = Date.now();
  let detail = "";
  let frame = 0;
  const draw = (text: string) => stream.write(`\r\u001b[2K${cut(text, (stream.columns ?? 80) - 1)}`);
  const spin = () => draw(line(SPINNER[frame++ % SPINNER.length] ?? "-", title, detail, since));
  const timer = setInterval(spin, SPIN_EVERY_MS);
  timer.unref();
  spin();
  const end = (mark: string, text: string | undefined) => {
    clearInterval(timer);
    stream.write(`\r\u001b[2K${line(mark, title, text, since)}\n`);
  };
  return {
    update: (text) => {
      detail = text;
    },
    done: (text) => end("✓", text),
    fail: (text) => end("✗", text),
  };
}

function plainStep(stream: NodeJS.WriteStream, title: string): Step {
  const since = Date.now();
  let detail = "";
  const tell = () => {
    stream.write(`${line("…", title, detail, since)}\n`);
  };
  const timer = setInterval(tell, DETAIL_EVERY_MS);
  timer.unref();
  stream.write(`… ${title}\n`);
  const end = (mark: string, text: string | undefined) => {
    clearInterval(timer);
    stream.write(`${line(mark, title, text, since)}\n`);
  };
  return {
    update: (text) => {
      detail = text;
    },
    done: (text) => end("✓", text),
    fail: (text) => end("✗", text),
  };
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
