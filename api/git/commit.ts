import type { Git } from "./git.ts";
import type { FileWrite } from "./jobs-repository.ts";
import { blobId } from "./work-tree-update.ts";

/** Who is named in a commit. */
export interface Identity {
  name: string;
  email: string;
}

/** What becomes one commit. */
export interface NewCommit {
  /** Undefined for the first commit of a branch. */
  parent: string | undefined;
  author: Identity;
  committer: Identity;
  message: string;
  files: readonly FileWrite[];
}

/** Keeps the newest commit from being collected before the branch moves to it. */
const NEXT_REF = "refs/odin/next";

/** The files that differ from what a commit has; of one path given twice the last counts. */
export async function differingFiles(git: Git, commit: string, files: readonly FileWrite[]): Promise<FileWrite[]> {
  const wanted = [...new Map(files.map((file) => [file[0], file])).values()];
  if (wanted.length === 0) return [];
  const output = await git.run(["ls-tree", "-z", commit, "--", ...wanted.map(([path]) => path)]);
  const present = new Map(
    output.split("\0").flatMap((line) => {
      const [entry = "", path] = line.split("\t");
      const [mode, , object] = entry.split(" ");
      return path === undefined || mode === "120000" ? [] : [[path, object] as const];
    }),
  );
  return wanted.filter(([path, bytes]) => present.get(path) !== blobId(bytes));
}

/** Makes a commit out of whole files, touching neither work tree nor index nor branch, and returns its id. */
export async function makeCommit(git: Git, commit: NewCommit): Promise<string> {
  const pieces: (string | Buffer)[] = [];
  commit.files.forEach(([, bytes], index) => {
    pieces.push(`blob\nmark :${index + 1}\ndata ${bytes.length}\n`, bytes, "\n");
  });
  const mark = commit.files.length + 1;
  const message = Buffer.from(commit.message);
  const now = `${Math.floor(Date.now() / 1000)} +0000`;
  pieces.push(
    `commit ${NEXT_REF}\nmark :${mark}\n`,
    `author ${commit.author.name} <${commit.author.email}> ${now}\n`,
    `committer ${commit.committer.name} <${commit.committer.email}> ${now}\n`,
    `data ${message.length}\n`,
    message,
    "\n",
    ...(commit.parent === undefined ? ["deleteall\n"] : [`from ${commit.parent}\n`]),
    ...commit.files.map(([path], index) => `M 100644 :${index + 1} ${path}\n`),
    `get-mark :${mark}\ndone\n`,
  );
  const input = Buffer.concat(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece)));
  const output = await git.run(["fast-import", "--quiet", "--force", "--done", "--date-format=raw"], { input });
  const id = /^[0-9a-f]{40}$/m.exec(output)?.[0];
  if (id === undefined) throw new Error(`git fast-import gave no id: ${output.slice(0, 200)}`);
  return id;
}
