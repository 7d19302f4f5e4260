import { readFile, stat } from "node:fs/promises";
import { SettingProblem } from "../../../settings/settings.ts";
import type { GpuRow } from "./gpu-spec.ts";

/** A larger file is no table of GPUs. */
const MOST_BYTES = 1024 * 1024;

/** The table in a file, in the place of the built-in one (C-67). Rejects with a `SettingProblem` that names the file and what is wrong in it. */
export async function readGpuFile(path: string): Promise<GpuRow[]> {
  try {
    const found = await stat(path);
    // A pipe has no size and no end.
    if (!found.isFile()) throw new Error("it is not a file");
    if (found.size > MOST_BYTES) throw new Error(`it has ${found.size} bytes; the most is ${MOST_BYTES}`);
    return gpuRowsOf(await readFile(path, "utf8"));
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new SettingProblem(`--clockwork-gpu-specs (CLOCKWORK_GPU_SPECS): ${path}: ${words}`);
  }
}

/**
 * The rows that a text holds: a JSON array of them, or an object with the array under `gpu_infos`. Other keys of a row are left out. Throws an error
 * that says which row is wrong.
 */
export function gpuRowsOf(text: string): GpuRow[] {
  const given: unknown = JSON.parse(text);
  const rows = Array.isArray(given) ? given : isObject(given) ? given.gpu_infos : undefined;
  if (!Array.isArray(rows)) throw new Error('expected a list of GPUs, or {"gpu_infos": [...]}');
  const known = new Set<string>();
  return rows.map((row: unknown, index) => {
    const read = rowOf(row, index);
    if (known.has(read.cw_name)) throw new Error(`row ${index + 1}: there is a row ${read.cw_name} before it`);
    known.add(read.cw_name);
    return read;
  });
}

function rowOf(row: unknown, index: number): GpuRow {
  if (!isObject(row)) throw new Error(`row ${index + 1}: expected an object`);
  const wrong = (field: string, expected: string): Error => new Error(`row ${index + 1}: ${field} must be ${expected}`);
  const text = (field: string): string => {
    const value = row[field];
    if (typeof value !== "string" || value === "" || value.length > 256) throw wrong(field, "a text");
    return value;
  };
  const number = (field: string): number => {
    const value = row[field];
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0) throw wrong(field, "a number");
    return value;
  };
  const cores = (field: string): number => {
    const value = number(field);
    if (!Number.isSafeInteger(value)) throw wrong(field, "a whole number");
    return value;
  };
  return {
    ...{ cw_name: text("cw_name"), name: text("name"), vendor: text("vendor"), ram: number("ram") },
    cuda_cores: cores("cuda_cores"),
    // What has none may say so in each of these ways.
    ...(row.tensor_cores === undefined || row.tensor_cores === null || row.tensor_cores === 0
      ? {}
      : { tensor_cores: cores("tensor_cores") }),
    tflops_fp32: number("tflops_fp32"),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
