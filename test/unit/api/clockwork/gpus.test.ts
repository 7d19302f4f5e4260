import { execFileSync } from "node:child_process";
import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gpuRowsOf } from "../../../../api/clockwork/gpus/gpu-file.ts";
import { asProduct, gpuModel } from "../../../../api/clockwork/gpus/gpu-model.ts";
import { GpuSpecs } from "../../../../api/clockwork/gpus/gpu-specs.ts";
import { GPU_TABLE } from "../../../../api/clockwork/gpus/gpu-table.ts";
import { gpuRoutes } from "../../../../api/clockwork/gpus/routes.ts";
import { SettingProblem } from "../../../../settings/settings.ts";
import { until } from "../../../support/deadline.ts";
import { textOf } from "../../../support/documents.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../support/temporary-directory.ts";
import { ask, type ServedClockwork, serveClockwork } from "./served-clockwork.ts";

const WAIT_MS = 60_000;
const test = suite("Clockwork's GPUs");
let place: TemporaryDirectory;
let served: ServedClockwork;
const lines: string[] = [];
const log = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
const logger = { debug: log, info: log, warn: log, error: log };

test.before(async () => {
  place = await temporaryDirectory();
  served = await serveClockwork(gpuRoutes({ specs: await GpuSpecs.open(undefined, logger) }));
});
test.after(async () => {
  await served.listener.close(0);
  await place.remove();
});

const get = async (path: string): Promise<{ status: number; text: string }> => {
  const { status, text } = await ask(served, "GET", `/api/v1/cluster${path}`);
  return { status, text };
};

test("C-29, C-65, C-66: one GPU by its exact name in the table, which is not shown", async () => {
  const rtx8000 =
    '{"cuda_cores":4608,"name":"rtx8000","ram":48,"tensor_cores":576,"tflops_fp32":16.3,"vendor":"nvidia"}\n';
  assert.equal(await get("/gpu/one?gpu_name=rtx8000"), { status: 200, text: rtx8000 });
  const p100 = '{"cuda_cores":3584,"name":"p100","ram":16,"tflops_fp32":9.3,"vendor":"nvidia"}\n';
  assert.equal(await get("/gpu/one?gpu_name=p100l"), { status: 200, text: p100 });
  for (const name of ["", "RTX8000", "rtx8000%20", "rtx", ".*", "%00", "toString", "__proto__"]) {
    assert.equal(await get(`/gpu/one?gpu_name=${name}`), { status: 200, text: "{}\n" }, name);
  }
  const missing = { status: 400, text: '"Missing argument gpu_name."\n' };
  assert.equal(await get("/gpu/one"), missing);
  assert.equal(await get("/gpu/one?name=rtx8000"), missing);
});

test("C-30, C-66, C-67: the list is the whole table in its order, without the names of the table", async () => {
  const { status, text } = await get("/gpu/list");
  assert.is(status, 200);
  const listed = JSON.parse(text) as Record<string, unknown>[];
  const expected = GPU_TABLE.map(({ cw_name: _, ...spec }) => spec);
  assert.equal(listed, expected);
  assert.equal(
    GPU_TABLE.map(({ cw_name, name, ram, cuda_cores, tensor_cores, tflops_fp32 }) =>
      [cw_name, name, ram, cuda_cores, tensor_cores ?? "-", tflops_fp32].join(" "),
    ),
    [
      "rtx8000 rtx8000 48 4608 576 16.3",
      "v100 v100 16 5120 640 15.7",
      "t4 t4 16 2560 320 8.1",
      "p100 p100 12 3584 - 9.3",
      "p100l p100 16 3584 - 9.3",
      "v100l v100 32 5120 640 15.7",
      "a100 a100 40 6912 432 19.5",
      "k80 k80 24 4992 - 8.73",
      "m40 m40 24 3072 - 7",
      "titanrtx titanrtx 24 4608 576 16.31",
      "a100l a100 80 6912 432 19.5",
      "a10 a10 24 9216 288 31.2",
      "a40 a40 48 10752 336 37.4",
      "rtxa6000 rtxa6000 48 10752 336 38.7",
      "l40s l40s 48 18176 568 91.6",
      "h100 h100 80 16896 528 66.9",
      "h200 h200 141 16896 528 66.9",
      "h100pcie h100 80 14592 456 51.2",
    ],
  );
  for (const spec of listed) assert.is(Object.hasOwn(spec, "cw_name"), false);
});

test("C-67: the page on GPUs has the table as it is, with a source for each", () => {
  const page = textOf("docs/how-to/describe-gpus-for-clockwork.md");
  const cells = [...page.matchAll(/^\| `(\w+)` \|(.+)\|$/gm)].map(([, name, rest = ""]) => [
    name,
    ...rest.split("|").map((cell) => cell.trim()),
  ]);
  const figures = cells.map(([name, , ...numbers]) => [name, ...numbers.slice(0, 4)].join(" "));
  const table = GPU_TABLE.map(({ cw_name, ram, cuda_cores, tensor_cores, tflops_fp32 }) =>
    [cw_name, ram, cuda_cores, tensor_cores ?? "–", tflops_fp32].join(" "),
  );
  assert.equal(figures, table);
  for (const [name, architecture, , , , , source] of cells) {
    assert.match(architecture ?? "", /^[A-Z][a-z]+/, name);
    assert.match(source ?? "", /^(?:(?:data sheet|white paper) "NVIDIA |the same$)/, name);
  }
});

test("C-68, C-69: names of models from labels, with the memory of a card", () => {
  const cases: [product: string, memoryMiB: number | undefined, name: string, cwName: string][] = [
    ["Quadro-RTX-8000", 46080, "rtx8000", "rtx8000"],
    ["Tesla-V100-SXM2-16GB", 16160, "v100", "v100"],
    ["Tesla-V100-SXM2-32GB", 32510, "v100", "v100l"],
    ["Tesla-V100S-PCIE-32GB", 32510, "v100", "v100l"],
    ["Tesla-V100-SXM2-32GB", undefined, "v100", "v100"],
    ["Tesla-T4", 15360, "t4", "t4"],
    ["Tesla-P100-PCIE-12GB", 12198, "p100", "p100"],
    ["Tesla-P100-PCIE-16GB", 16280, "p100", "p100l"],
    ["NVIDIA-A100-SXM4-40GB", 40536, "a100", "a100"],
    ["NVIDIA-A100-SXM4-80GB", 81251, "a100", "a100l"],
    ["NVIDIA-A100-80GB-PCIe-SHARED", 81920, "a100", "a100l"],
    ["NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", 4864, "a100", "a100"],
    ["Tesla-K80", 11441, "k80", "k80"],
    ["Tesla-M40-24GB", 22945, "m40", "m40"],
    ["NVIDIA-TITAN-RTX", 24220, "titanrtx", "titanrtx"],
    ["NVIDIA-H100-80GB-HBM3", 81559, "h100", "h100"],
    ["NVIDIA-H100-PCIe", 81559, "h100", "h100pcie"],
    ["NVIDIA-H100-NVL", 95830, "h100", "h100nvl"],
    ["NVIDIA-H200", 143771, "h200", "h200"],
    ["NVIDIA-RTX-A6000", 49140, "rtxa6000", "rtxa6000"],
    ["NVIDIA-A1000", 8192, "a1000", "a1000"],
    ["NVIDIA-A10", 23028, "a10", "a10"],
    ["NVIDIA-L40S", 46068, "l40s", "l40s"],
    ["Quadro-P1000", 4096, "p1000", "p1000"],
    ["Quadro-M4000", 8192, "m4000", "m4000"],
    ["NVIDIA-GeForce-RTX-4090", 24564, "rtx4090", "rtx4090"],
    [asProduct(" NVIDIA GeForce  GTX 1080 Ti "), 11264, "gtx1080ti", "gtx1080ti"],
  ];
  for (const [product, memoryMiB, name, cwName] of cases) {
    const memory = memoryMiB === undefined ? undefined : Math.round(memoryMiB / 1024);
    assert.equal(gpuModel(product, memory), { name, cwName }, product);
  }
  assert.is(gpuModel("NVIDIA", 1), undefined);
  assert.is(gpuModel("-", 1), undefined);
});

const row = (cw_name: string, more: object = {}): Record<string, unknown> => ({
  ...{ cw_name, name: cw_name, vendor: "acme", ram: 1.5, cuda_cores: 8, tflops_fp32: 0.5 },
  ...more,
});

test("C-67: a file is a list, or an object with one; what is wrong in it is said with its place", () => {
  const rows = [row("b", { tensor_cores: 4 }), row("a")];
  assert.equal(gpuRowsOf(JSON.stringify(rows)), rows);
  assert.equal(gpuRowsOf(JSON.stringify({ gpu_infos: rows })), rows);
  assert.equal(gpuRowsOf(JSON.stringify([row("a", { _id: 5, tensor_cores: 0 })])), [row("a")]);
  assert.equal(gpuRowsOf("[]"), []);
  const wrong: [unknown, RegExp][] = [
    [5, /list/],
    [{ gpus: [] }, /gpu_infos/],
    [[5], /row 1: expected an object/],
    [[row("a"), row("a")], /row 2: there is a row a before/],
    [[row("a"), row("b", { ram: "48" })], /row 2: ram must be a number/],
    [[row("a", { cuda_cores: 1.5 })], /row 1: cuda_cores must be a whole number/],
    [[row("a", { tensor_cores: -1 })], /row 1: tensor_cores/],
    [[row("")], /row 1: cw_name must be a text/],
    [[{ cw_name: "a" }], /row 1: name must be a text/],
  ];
  for (const [value, words] of wrong) assert.throws(() => gpuRowsOf(JSON.stringify(value)), words);
  assert.throws(() => gpuRowsOf("{"), /JSON/);
});

test("C-67: a ConfigMap that changes is read again: a mounted file is a link behind a link, which is replaced", async () => {
  const mounted = join(place.path, "mounted");
  const version = async (name: string, cwName: string): Promise<void> => {
    await mkdir(join(mounted, name), { recursive: true });
    await writeFile(join(mounted, name, "gpus.json"), JSON.stringify([row(cwName)]));
    await symlink(name, join(mounted, "..data_tmp"));
    await rename(join(mounted, "..data_tmp"), join(mounted, "..data"));
  };
  await version("..one", "first");
  await symlink(join("..data", "gpus.json"), join(mounted, "gpus.json"));
  const specs = await GpuSpecs.open(join(mounted, "gpus.json"), logger, 20);
  try {
    assert.ok(specs.of("first"));
    await version("..two", "second");
    await until(() => specs.of("second") !== undefined, WAIT_MS, { describe: "the new version" });
    assert.is(specs.of("first"), undefined);
  } finally {
    specs.stop();
  }
});

test("C-67: a hostile file is refused in one line, or is data like any other", async () => {
  const open = async (name: string, write: (path: string) => unknown): Promise<unknown> => {
    const path = join(place.path, name);
    await write(path);
    const opened = await GpuSpecs.open(path, logger).catch((error: unknown) => error);
    if (opened instanceof GpuSpecs) opened.stop();
    return opened;
  };
  const text =
    (given: unknown) =>
    (path: string): Promise<void> =>
      writeFile(path, typeof given === "string" || Buffer.isBuffer(given) ? given : JSON.stringify(given));
  const refused: [string, (path: string) => unknown, RegExp][] = [
    ["large.json", text(`[${" ".repeat(1024 * 1024)}]`), /it has 1048578 bytes; the most is 1048576/],
    ["directory", (path) => mkdir(path), /it is not a file/],
    ["pipe", (path) => execFileSync("mkfifo", [path]), /it is not a file/],
    ["empty.json", text(""), /JSON/],
    ["binary.json", text(Buffer.from([0xff, 0xfe, 0x00, 0x5b])), /JSON/],
    ["deep.json", text("[".repeat(200_000)), /JSON|stack/],
    [
      "number.json",
      text('[{"cw_name":"a","name":"a","vendor":"v","ram":1e999,"cuda_cores":1,"tflops_fp32":1}]'),
      /ram/,
    ],
    ["unsafe.json", text([row("a", { cuda_cores: 2 ** 60 })]), /cuda_cores must be a whole number/],
    ["long.json", text([row("a".repeat(257))]), /row 1: cw_name must be a text/],
    ["null.json", text([null]), /row 1: expected an object/],
    ["proto.json", text('[{"__proto__":{"cw_name":"a"}}]'), /row 1: cw_name/],
  ];
  for (const [name, write, words] of refused) {
    const problem = await open(name, write);
    assert.instance(problem, SettingProblem, name);
    assert.match(String(problem), words, name);
    assert.ok(String(problem).length < 500, name);
    assert.is(String(problem).split("\n").length, 1, name);
  }
  const odd = ["__proto__", "constructor", "toString", "<script>", "a\u0000b", "*"];
  const specs = await open("odd.json", text(odd.map((name) => row(name, { name: "x", __v: 1 }))));
  assert.instance(specs, GpuSpecs);
  for (const name of odd) assert.equal((specs as GpuSpecs).of(name)?.name, "x", name);
  assert.is((specs as GpuSpecs).of("valueOf"), undefined);
  assert.equal(Object.keys([...(specs as GpuSpecs).list()][0] ?? {}), [
    "name",
    "vendor",
    "ram",
    "cuda_cores",
    "tflops_fp32",
  ]);
});

test("C-67: a file replaces the table, is read again when it changes, and a bad one stops the start or leaves the old table", async () => {
  const file = join(place.path, "gpus.json");
  const problem = await GpuSpecs.open(file, logger).catch((error: unknown) => error);
  assert.instance(problem, SettingProblem);
  assert.match(String(problem), /CLOCKWORK_GPU_SPECS.*gpus\.json.*ENOENT/);
  await writeFile(file, "[{}]");
  assert.match(String(await GpuSpecs.open(file, logger).catch((error: unknown) => error)), /row 1: cw_name/);
  await writeFile(file, JSON.stringify([row("mine")]));
  const specs = await GpuSpecs.open(file, logger, 20);
  try {
    assert.equal([...specs.list()], [{ name: "mine", vendor: "acme", ram: 1.5, cuda_cores: 8, tflops_fp32: 0.5 }]);
    assert.is(specs.of("rtx8000"), undefined);
    const replace = async (text: string): Promise<void> => {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    };
    await replace("[{}]");
    await until(() => lines.some((line) => /old one stays.*row 1/.test(line)), WAIT_MS, { describe: "the bad file" });
    assert.is(specs.of("mine")?.ram, 1.5);
    assert.is(lines.filter((line) => line.includes("old one stays")).length, 1);
    await replace(JSON.stringify([row("mine", { ram: 2 }), row("other")]));
    await until(() => specs.of("other") !== undefined, WAIT_MS, { describe: "the new table" });
    assert.is(specs.of("mine")?.ram, 2);
  } finally {
    specs.stop();
  }
});

test.run();
