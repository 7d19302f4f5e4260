import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { BoundedText } from "./bounded-text.ts";
import { groupIsAlive, signalGroup } from "./process-group.ts";
import { endsWithSummary, stripColours } from "./summary.ts";

/** Why a process ended: by itself, or because the runner ended it. */
export type Ending = "exited" | "timeout" | "lingered" | "interrupted" | "not started";

/** What is known of a process after its whole group is gone. */
export interface Outcome {
  ending: Ending;
  /** Null where a signal ended it. */
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** stdout and stderr in the order in which they came, without colours, bounded. */
  output: string;
  /** Whether processes of its group lived on after it had exited by itself; they were killed. */
  leftProcesses: boolean;
  /** What Node said was still open when the runner ended it. */
  open?: string;
  wallMs: number;
}

/** How to start a process and when to end it. */
export interface ProcessOptions {
  command: string;
  args: string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  timeoutMs: number;
  /** Set for test files, which can be asked what they hold open: how long one may live on after its summary. */
  lingerMs?: number;
  /** Time between SIGTERM and SIGKILL. */
  killMs?: number;
}

/** A process that runs in a group of its own. */
export interface RunningProcess {
  outcome: Promise<Outcome>;
  /** Ends the group: the signal now, SIGKILL after `killMs`. */
  interrupt(signal: NodeJS.Signals): void;
}

// Time to say what is open; whoever has said it is ended at once.
const DESCRIBE_MS = 5_000;
const DESCRIBED = /^# open: .+\n/m;
// What the leader had just stopped may take a moment to die.
const GROUP_ENDS_MS = 3_000;
const GROUP_POLL_MS = 20;
// Long enough for a group that was killed to let go of its pipes.
const PIPES_CLOSE_MS = 5_000;
const SUMMARY_CHARACTERS = 400;

/** Starts a process as the leader of a new group. Signals go to that group only; when the leader has ended, so has the group. */
export function startProcess(options: ProcessOptions): RunningProcess {
  const started = performance.now();
  const output = new BoundedText();
  const timers = new Set<NodeJS.Timeout>();
  let ending: Ending = "exited";
  let lingerTimer: NodeJS.Timeout | undefined;
  let onDescribed: (() => void) | undefined;

  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });

  const after = (ms: number, action: () => void): NodeJS.Timeout => {
    const timer = setTimeout(action, ms);
    timers.add(timer);
    return timer;
  };
  const endGroup = (why: Ending, signal: NodeJS.Signals): void => {
    const leader = child.pid;
    if (leader === undefined || child.exitCode !== null || child.signalCode !== null) return;
    if (ending === "exited") ending = why;
    signalGroup(leader, signal);
    after(options.killMs ?? 2_000, () => signalGroup(leader, "SIGKILL"));
  };
  // Asks first what is open: the answer names the leak. A process too busy to answer is ended all the same.
  const describeAndEnd = (why: Ending): void => {
    if (ending !== "exited") return;
    ending = why;
    onDescribed = () => {
      onDescribed = undefined;
      endGroup(why, "SIGTERM");
    };
    after(DESCRIBE_MS, () => onDescribed?.());
    child.kill("SIGUSR2");
  };

  const onText = (text: string): void => {
    output.append(text);
    if (onDescribed !== undefined && DESCRIBED.test(stripColours(output.end(SUMMARY_CHARACTERS)))) onDescribed();
    if (options.lingerMs === undefined) return;
    clearTimeout(lingerTimer);
    if (!endsWithSummary(stripColours(output.end(SUMMARY_CHARACTERS)))) return;
    lingerTimer = after(options.lingerMs, () => describeAndEnd("lingered"));
  };
  collect(child.stdout, onText);
  collect(child.stderr, onText);
  after(options.timeoutMs, () => {
    if (options.lingerMs === undefined) endGroup("timeout", "SIGTERM");
    else describeAndEnd("timeout");
  });

  const end = async (): Promise<Outcome> => {
    const { exitCode, signal, closed } = await exit(child);
    for (const timer of timers) clearTimeout(timer);
    let leftProcesses = false;
    if (child.pid === undefined) {
      ending = "not started";
    } else {
      leftProcesses = ending === "exited" && !(await groupEnds(child.pid));
      signalGroup(child.pid, "SIGKILL");
    }
    let stopWaiting: NodeJS.Timeout | undefined;
    const waitedLongEnough = new Promise<void>((done) => {
      stopWaiting = setTimeout(done, PIPES_CLOSE_MS);
    });
    await Promise.race([closed, waitedLongEnough]);
    clearTimeout(stopWaiting);
    for (const stream of child.stdio) stream?.destroy();
    const text = stripColours(output.toString());
    const open = /^# open: (.+)$/m.exec(text)?.[1];
    const wallMs = performance.now() - started;
    return { ending, exitCode, signal, output: text, leftProcesses, wallMs, ...(open === undefined ? {} : { open }) };
  };
  child.on("error", (error) => output.append(`${options.command}: ${error.message}\n`));
  return { outcome: end(), interrupt: (signal) => endGroup("interrupted", signal) };
}

function collect(stream: Readable | null, onText: (text: string) => void): void {
  if (stream === null) return;
  stream.setEncoding("utf8");
  stream.on("data", onText);
}

interface Exit {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** Resolves when the last holder of its pipes has let go of them. */
  closed: Promise<void>;
}

function exit(child: ReturnType<typeof spawn>): Promise<Exit> {
  const closed = new Promise<void>((done) => child.once("close", () => done()));
  return new Promise((done) => {
    child.once("exit", (exitCode, signal) => done({ exitCode, signal, closed }));
    child.on("error", () => {
      if (child.pid === undefined) done({ exitCode: null, signal: null, closed: Promise.resolve() });
    });
  });
}

async function groupEnds(leader: number): Promise<boolean> {
  const deadline = performance.now() + GROUP_ENDS_MS;
  while (groupIsAlive(leader)) {
    if (performance.now() > deadline) return false;
    await delay(GROUP_POLL_MS);
  }
  return true;
}

function delay(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
