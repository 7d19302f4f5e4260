/**
 * Programs that run in a worker's container, for the POSIX shell. Each is given the run's directory below the records' mount, and what it needs besides.
 * Files there: `pid` of the shell that waits for the command, `command` its own, `stdout`, `stderr`, and `status` with its exit status when it has ended.
 */

/**
 * Waits for the command and notes how it ended. Whoever makes the directory is the one that starts the command: of any number of starts, at any time,
 * one. `exec` takes programs only, so that the name of something built into the shell does not end the shell.
 */
const SUPERVISE = `
d=$1
shift
mkdir "$d" 2>/dev/null || exit 0
: >"$d/stdout"
: >"$d/stderr"
echo $$ >"$d/pid.new"
mv "$d/pid.new" "$d/pid"
/bin/sh -c 'echo $$ >"$0/command"; exec "$@"' "$d" "$@" >"$d/stdout" 2>"$d/stderr"
echo $? >"$d/status.new"
mv "$d/status.new" "$d/status"
`;

/** Starts the command in the background, out of reach of what becomes of this connection. Prints `started`, or `other` in another pod of the name. */
const START = `
d=$1
uid=$2
supervise=$3
shift 3
if [ -n "$ODIN_POD_UID" ] && [ "$ODIN_POD_UID" != "$uid" ]; then
  echo other
  exit 0
fi
if [ ! -d "$d" ]; then
  /bin/sh -c "$supervise" odin "$d" "$@" </dev/null >/dev/null 2>&1 &
  n=0
  until [ -d "$d" ]; do
    n=$((n + 1))
    [ $n -gt 30 ] && exit 1
    sleep 1
  done
fi
echo started
`;

/** Prints how the command stands, and the sizes of its output. */
const LOOK = `
d=$1
if [ -n "$ODIN_POD_UID" ] && [ "$ODIN_POD_UID" != "$2" ]; then
  echo other
  exit 0
fi
state=running
if [ ! -d "$d" ]; then
  echo none
  exit 0
elif [ ! -e "$d/pid" ]; then
  state=starting
elif ! kill -0 "$(cat "$d/pid")" 2>/dev/null; then
  state=lost
fi
[ -e "$d/status" ] && state="ended $(cat "$d/status")"
echo "$state"
[ "$state" = starting ] && exit 0
wc -c <"$d/stdout"
wc -c <"$d/stderr"
`;

/**
 * Sends what is there from two offsets on and what comes, until the command has ended or the standard input has, which it does with the connection: no
 * reader stays behind.
 */
const FOLLOW = `
d=$1
tail -c +$(($2 + 1)) -f "$d/stdout" &
out=$!
tail -c +$(($3 + 1)) -f "$d/stderr" >&2 &
err=$!
(
  while [ ! -e "$d/status" ] && kill -0 "$(cat "$d/pid")"; do sleep 1; done
  kill $out $err $$
) </dev/null >/dev/null 2>&1 &
watch=$!
read -r nothing
kill $out $err $watch 2>/dev/null
exit 0
`;

/** Sends what is there from two offsets on. */
const READ = `
tail -c +$(($2 + 1)) "$1/stdout"
tail -c +$(($3 + 1)) "$1/stderr" >&2
`;

/** Asks the command to end. */
const TERMINATE = `
[ -e "$1/status" ] || kill -TERM "$(cat "$1/command")"
`;

function script(text: string, directory: string, ...others: readonly string[]): string[] {
  return ["/bin/sh", "-c", text, "odin", directory, ...others];
}

/** The program that starts a command in the pod of that UID, unless it was started there before. */
export function startScript(directory: string, podUid: string, command: readonly string[]): string[] {
  return script(START, directory, podUid, SUPERVISE, ...command);
}

/** The program whose output `parseLook` reads. */
export function lookScript(directory: string, podUid: string): string[] {
  return script(LOOK, directory, podUid);
}

/** The program that sends the command's output from two offsets on, with a standard input of its own; it ends when the command has, or before. */
export function followScript(directory: string, stdoutFrom: number, stderrFrom: number): string[] {
  return script(FOLLOW, directory, String(stdoutFrom), String(stderrFrom));
}

/** The program that sends the output that is there from two offsets on. */
export function readScript(directory: string, stdoutFrom: number, stderrFrom: number): string[] {
  return script(READ, directory, String(stdoutFrom), String(stderrFrom));
}

/** The program that asks the command to end. */
export function terminateScript(directory: string): string[] {
  return script(TERMINATE, directory);
}

/** How a command stands in its pod. */
export type Look =
  /** It was not started; it is being started; or the pod is another one of the same name. */
  | { state: "none" | "starting" | "other" }
  /** Under way; ended with an exit status; or nobody waits for it any more, so that its exit status is not known. */
  | { state: "running" | "lost"; stdoutBytes: number; stderrBytes: number }
  | { state: "ended"; exitStatus: number; stdoutBytes: number; stderrBytes: number };

/** Reads what `lookScript` prints; undefined where it was cut off, or is something else. */
export function parseLook(text: string): Look | undefined {
  const [state, stdout, stderr, end] = text.split("\n").map((line) => line.trim());
  if (state === "none" || state === "starting" || state === "other") return { state };
  if (end !== "" || !isNumber(stdout) || !isNumber(stderr)) return undefined;
  const sizes = { stdoutBytes: Number(stdout), stderrBytes: Number(stderr) };
  if (state === "running" || state === "lost") return { state, ...sizes };
  const [word, exitStatus] = state?.split(" ") ?? [];
  return word === "ended" && isNumber(exitStatus)
    ? { state: word, exitStatus: Number(exitStatus), ...sizes }
    : undefined;
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^\d+$/.test(text);
}
