/** Names that Clockwork has for a model of GPU (C-68, C-69). */
export interface GpuModel {
  name: string;
  /** Tells apart models of one name; the key of the table of specifications. */
  cwName: string;
}

/** Models that go by one part of their product's name; that part may have a suffix for the second ones, but no more digits: a Quadro P1000 is no P100. */
const PARTS = ["T4", "A100", "K80", "H100", "H200"];
const PREFIXES = [/^V100(?!\d)/, /^P100(?!\d)/, /^M40(?!\d)/];
/** Parts that say nothing about the model. */
const NOISE = new Set(["nvidia", "tesla", "quadro", "geforce"]);

/**
 * The names of a product as GPU Feature Discovery labels it, with what a card has of memory in GiB as far as that is known: `NVIDIA-A100-SXM4-80GB`
 * is `a100`, and `a100l` in the table. Undefined where nothing is left that could be a name.
 */
export function gpuModel(product: string, memoryGiB: number | undefined): GpuModel | undefined {
  const parts = product
    .replace(/-SHARED$/, "")
    .replace(/-MIG-[^-]+$/, "")
    .split("-")
    .filter((part) => part !== "");
  const name = nameOf(parts);
  return name === "" ? undefined : { name, cwName: cwNameOf(name, parts, memoryGiB) };
}

/** A model's name as DCGM tells it, in the form of a label. */
export function asProduct(modelName: string): string {
  return modelName.trim().replace(/\s+/g, "-");
}

function nameOf(parts: readonly string[]): string {
  const upper = parts.map((part) => part.toUpperCase());
  const follows = (first: string, second: string): boolean =>
    upper.some((part, index) => part === first && upper[index + 1] === second);
  if (follows("RTX", "8000")) return "rtx8000";
  const [prefixed] = PREFIXES.flatMap((model) => upper.flatMap((part) => model.exec(part)?.[0] ?? []));
  if (prefixed !== undefined) return prefixed.toLowerCase();
  const whole = PARTS.find((model) => upper.includes(model));
  if (whole !== undefined) return whole.toLowerCase();
  if (follows("TITAN", "RTX")) return "titanrtx";
  return parts
    .map((part) => part.toLowerCase())
    .filter((part) => !NOISE.has(part))
    .join("")
    .replace(/[^a-z0-9_]/g, "");
}

function cwNameOf(name: string, parts: readonly string[], memoryGiB: number | undefined): string {
  if (name === "v100" && memoryGiB === 32) return "v100l";
  if (name === "p100" && memoryGiB === 16) return "p100l";
  if (name === "a100" && memoryGiB !== undefined && memoryGiB > 60) return "a100l";
  if (name === "h100" || name === "h200") {
    const form = parts.map((part) => part.toLowerCase()).find((part) => part === "pcie" || part === "nvl");
    return `${name}${form ?? ""}`;
  }
  return name;
}
