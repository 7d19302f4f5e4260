/** What is put before a command whose backend is `mpi`, unless a setting names another launcher (M-46). */
export const MPI_LAUNCHER =
  "/.openmpi/bin/mpirun --mca btl_tcp_if_exclude docker0,lo -x KUBERNETES_SERVICE_HOST -x KUBERNETES_SERVICE_PORT " +
  "-x LD_LIBRARY_PATH=/usr/local/nvidia/lib64 --host {hosts}";

const PLACEHOLDERS = ["hosts", "run_id", "rank", "backend"] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];

/** All that the command of one rank depends on. */
export interface CommandParts {
  /** Text with `{hosts}`, `{run_id}`, `{rank}` and `{backend}`; `{{` and `}}` are braces. */
  template: string;
  /** Put in front, with a blank; a template too. Undefined where the command is started as it is. */
  launcher: string | undefined;
  /** Names under which the workers find each other, in ordinal order. */
  hosts: readonly string[];
  /** How often each host is named: one for each GPU of a worker, at least once. */
  slotsPerHost: number;
  runId: number;
  rank: number;
  backend: string;
  gpu: boolean;
  light: boolean;
}

/** The text of a rank's command. Throws for a template of which `templateProblem` says something. */
export function commandText(parts: CommandParts): string {
  const slots = Math.max(1, parts.slotsPerHost);
  const values: Record<Placeholder, string> = {
    hosts: parts.hosts.flatMap((host) => Array.from({ length: slots }, () => host)).join(","),
    run_id: String(parts.runId),
    rank: String(parts.rank),
    backend: parts.backend,
  };
  const launcher = parts.launcher === undefined ? "" : `${filled(parts.launcher, values)} `;
  return `${launcher}${filled(parts.template, values)}${parts.gpu ? " --gpu" : ""}${parts.light ? " --light" : ""}`;
}

/** The argument list of such a text: cut at each single blank, without any quoting. */
export function argumentsOf(command: string): string[] {
  return command.split(" ");
}

/** What is wrong with a template, as the end of a sentence that begins with its name; undefined for a good one. */
export function templateProblem(template: string): string | undefined {
  for (const { text, name } of pieces(template)) {
    if (text !== undefined) continue;
    if (name === undefined) return "has a brace without its counterpart; write {{ or }} for a brace of its own";
    if (!isPlaceholder(name)) {
      return `has the unknown placeholder {${name}}; there are ${PLACEHOLDERS.map((known) => `{${known}}`).join(", ")}`;
    }
  }
  return template.includes("\0") ? "has a character U+0000, which no argument can have" : undefined;
}

function filled(template: string, values: Record<Placeholder, string>): string {
  let result = "";
  for (const { text, name } of pieces(template)) {
    if (text !== undefined) result += text;
    else if (name !== undefined && isPlaceholder(name)) result += values[name];
    else throw new Error(`the template ${templateProblem(template)}`);
  }
  return result;
}

/** The parts of a template from left to right: plain text, a placeholder's name, or neither for a brace that stands alone. */
function* pieces(template: string): Generator<{ text?: string; name?: string }> {
  for (const [piece, name] of template.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g)) {
    if (name !== undefined) yield { name };
    else if (piece === "{{" || piece === "}}") yield { text: piece[0] ?? "" };
    else if (piece === "{" || piece === "}") yield {};
    else yield { text: piece };
  }
}

function isPlaceholder(name: string): name is Placeholder {
  return (PLACEHOLDERS as readonly string[]).includes(name);
}
