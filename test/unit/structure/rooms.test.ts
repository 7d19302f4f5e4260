import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

/** What each room may import of ours, besides itself. Dependencies point one way. */
const ALLOWED: Record<string, readonly string[]> = {
  kube: [],
  crds: [],
  settings: [],
  store: [],
  "operator/decide": ["crds"],
  operator: ["crds", "kube", "settings", "store", "operator/decide"],
  api: ["crds", "kube", "settings", "store"],
  cli: ["crds", "operator", "api", "settings", "store"],
  local: [],
  examples: ["crds"],
  helm: ["crds", "operator", "api", "settings"],
};
const ROOT = resolve(import.meta.dirname, "../../../..");

function sources(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return sources(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}

function roomOf(path: string): string {
  const parts = relative(ROOT, path).split("/");
  return parts[0] === "operator" && parts[1] === "decide" ? "operator/decide" : (parts[0] ?? "");
}

const rooms = suite("rooms");
for (const [room, allowed] of Object.entries(ALLOWED)) {
  rooms(`${room} imports ${allowed.join(", ") || "nothing of ours"}`, () => {
    const files = sources(join(ROOT, room)).filter((path) => roomOf(path) === room);
    assert.ok(files.length > 0, `${room} has sources`);
    for (const file of files) {
      for (const [, specifier = ""] of readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
        const target = roomOf(resolve(file, "..", specifier));
        assert.ok(
          target === room || allowed.includes(target),
          `${relative(ROOT, file)} imports ${specifier}, of ${target}`,
        );
      }
    }
  });
}

rooms("decide reads no clock, no randomness, no environment and no network", () => {
  for (const file of sources(join(ROOT, "operator/decide"))) {
    const text = readFileSync(file, "utf8");
    for (const forbidden of ["Date.now", "new Date()", "Math.random", "process.env", "performance.now", "node:"]) {
      assert.ok(!text.includes(forbidden), `${relative(ROOT, file)} uses ${forbidden}`);
    }
  }
});
rooms("no time-out hangs on AbortSignal.any: on Node 20 it may be collected as garbage, and then never comes", () => {
  for (const file of [...Object.keys(ALLOWED), "test"].flatMap((room) => sources(join(ROOT, room)))) {
    if (file.endsWith("rooms.test.ts")) continue;
    const text = readFileSync(file, "utf8");
    const both = text.includes("AbortSignal.any(") && text.includes("AbortSignal.timeout(");
    assert.ok(!both, `${relative(ROOT, file)} uses both: kube/in-time.ts is for that`);
  }
});
rooms.run();
