import type { Git } from "./git.ts";

/** The tree without entries, which every repository knows. */
export const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/** One path that differs between two commits. */
export interface TreeChange {
  path: string;
  /** Object ids; undefined on the side where the path is no file. */
  from: string | undefined;
  to: string | undefined;
  /** Mode of the new entry: 100644, 100755, 120000 (link) or 160000 (another repository). */
  mode: string;
}

const NO_OBJECT = /^0+$/;

/** What differs between two commits or trees, files only. */
export async function treeChanges(git: Git, from: string, to: string): Promise<TreeChange[]> {
  const output = await git.run(["diff-tree", "-r", "-z", "--no-renames", "--no-abbrev", from, to]);
  const fields = output.split("\0");
  const changes: TreeChange[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, mode = "", before = "", after = ""] = (fields[at] ?? "").slice(1).split(" ");
    const object = (id: string): string | undefined => (NO_OBJECT.test(id) ? undefined : id);
    changes.push({ path: fields[at + 1] ?? "", from: object(before), to: object(after), mode });
  }
  return changes.filter(({ path }) => isSafePath(path));
}

/** Git refuses such entries in an index; a tree made by hand may hold them all the same. */
function isSafePath(path: string): boolean {
  return path.split("/").every((segment) => !["", ".", ".."].includes(segment) && segment.toLowerCase() !== ".git");
}
