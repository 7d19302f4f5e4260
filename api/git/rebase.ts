import { type Git, GitError } from "./git.ts";
import { EMPTY_TREE } from "./tree-change.ts";

/** Commits of this work tree that cannot be put on top of the remote's. */
export class RebaseConflict extends Error {}

interface LocalCommit {
  id: string;
  tree: string;
  parentTree: string;
}

/**
 * Puts local commits, oldest first, on top of `onto` and returns the new head. Touches neither work tree nor branch. Throws a `RebaseConflict`
 * where the two sides changed the same lines.
 */
export async function rebase(git: Git, commits: readonly string[], onto: string): Promise<string> {
  let head = onto;
  for (const id of commits) {
    const commit = await readCommit(git, id);
    if (commit.tree === commit.parentTree) continue;
    const tree = await mergedTree(git, head, id);
    if (tree === (await treeOf(git, head))) continue;
    head = await recommit(git, id, tree, head);
  }
  return head;
}

async function mergedTree(git: Git, ours: string, theirs: string): Promise<string> {
  let output: string | undefined;
  try {
    output = await git.runOrNo(["merge-tree", "--write-tree", "--no-messages", ours, theirs]);
  } catch (error) {
    if (!(error instanceof GitError) || !error.message.includes("unrelated histories")) throw error;
    throw new RebaseConflict(
      "this work tree and the remote branch have no common history; start with an empty work tree",
    );
  }
  if (output === undefined) {
    throw new RebaseConflict(`commit ${theirs.slice(0, 12)} of this work tree conflicts with the remote branch`);
  }
  return output.trim().slice(0, 40);
}

async function treeOf(git: Git, commit: string): Promise<string> {
  return (await git.run(["rev-parse", "--verify", `${commit}^{tree}`])).trim();
}

async function readCommit(git: Git, id: string): Promise<LocalCommit> {
  const [tree = "", parent = ""] = (await git.run(["log", "-1", "--format=%T %P", id])).trim().split(" ");
  return { id, tree, parentTree: parent === "" ? EMPTY_TREE : await treeOf(git, parent) };
}

/** The same commit, author and words as they were, with another tree and parent. */
async function recommit(git: Git, id: string, tree: string, parent: string): Promise<string> {
  const raw = await git.run(["cat-file", "commit", id]);
  const headEnd = raw.indexOf("\n\n");
  const people = raw
    .slice(0, headEnd)
    .split("\n")
    .filter((line) => /^(author|committer|encoding) /.test(line));
  const text = `tree ${tree}\nparent ${parent}\n${people.join("\n")}${raw.slice(headEnd)}`;
  const input = Buffer.from(text);
  return (await git.run(["hash-object", "-t", "commit", "-w", "--stdin"], { input })).trim();
}
