import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  argumentsOf,
  type CommandParts,
  commandText,
  MPI_LAUNCHER,
  templateProblem,
} from "../../../../api/mlbench/runs/command.ts";
import { BENCHMARK_IMAGES, parseImageTable } from "../../../../api/mlbench/runs/image-table.ts";

const test = suite("commands of MLBench's runs");

const PARTS: CommandParts = {
  template: "/run --hosts {hosts} --rank {rank} --id {run_id} --backend {backend}",
  launcher: undefined,
  hosts: ["a-0.a", "a-1.a"],
  slotsPerHost: 0,
  runId: 7,
  rank: 1,
  backend: "gloo",
  gpu: false,
  light: false,
};

test("M-46: placeholders are filled in", () => {
  assert.is(commandText(PARTS), "/run --hosts a-0.a,a-1.a --rank 1 --id 7 --backend gloo");
});

test("M-46: a host is named once for each GPU", () => {
  assert.is(commandText({ ...PARTS, template: "{hosts}", slotsPerHost: 2 }), "a-0.a,a-0.a,a-1.a,a-1.a");
  assert.is(commandText({ ...PARTS, template: "{hosts}", slotsPerHost: 1 }), "a-0.a,a-1.a");
});

test("M-46: the launcher stands in front, --gpu and --light at the end", () => {
  assert.is(
    commandText({ ...PARTS, template: "x", launcher: MPI_LAUNCHER, gpu: true, light: true }),
    "/.openmpi/bin/mpirun --mca btl_tcp_if_exclude docker0,lo -x KUBERNETES_SERVICE_HOST -x KUBERNETES_SERVICE_PORT " +
      "-x LD_LIBRARY_PATH=/usr/local/nvidia/lib64 --host a-0.a,a-1.a x --gpu --light",
  );
});

test("M-46: doubled braces are braces, and a filled-in text is not read again", () => {
  assert.is(commandText({ ...PARTS, template: "{{rank}} {{{rank}}} {{" }), "{rank} {1} {");
  assert.is(commandText({ ...PARTS, template: "{backend}", backend: "{rank}" }), "{rank}");
});

test("M-38, M-46: a template with an unknown placeholder or a lone brace is refused in words", () => {
  assert.is(templateProblem("/run {hosts} {{x}}"), undefined);
  assert.match(templateProblem("/run {host}") ?? "", "unknown placeholder {host}; there are {hosts}, {run_id}");
  assert.match(templateProblem("/run {}") ?? "", "unknown placeholder {}");
  for (const lone of ["{", "}", "a } b", "{rank", "{ra{nk}"]) assert.match(templateProblem(lone) ?? "", "brace", lone);
  assert.match(templateProblem("a\0b") ?? "", "U+0000");
  assert.throws(() => commandText({ ...PARTS, template: "{host}" }), /unknown placeholder/);
});

test("M-46: the text is cut at each single blank, without quoting", () => {
  assert.equal(argumentsOf(`sh -c 'echo  "a b"'`), ["sh", "-c", "'echo", "", `"a`, `b"'`]);
  assert.equal(argumentsOf("a\tb\nc d"), ["a\tb\nc", "d"]);
});

test("M-45: the eight images of the project, one of them without GPU", () => {
  assert.is(BENCHMARK_IMAGES.size, 8);
  assert.equal(
    [...BENCHMARK_IMAGES].filter(([, { gpu }]) => !gpu).map(([key]) => key),
    ["mlbench/tensorflow-cifar10-resnet:latest"],
  );
  assert.is([...BENCHMARK_IMAGES.keys()][0], "mlbench/pytorch-cifar10-resnet20-all-reduce:latest");
  for (const [key, { command }] of BENCHMARK_IMAGES) {
    assert.match(key, /^mlbench\/[a-z0-9-]+:latest$/);
    assert.is(
      commandText({ ...PARTS, template: command }),
      "/conda/bin/python /codes/main.py --run_id 7 --rank 1 --hosts a-0.a,a-1.a --backend gloo",
    );
  }
});

test("M-45: a table of one's own takes its place", () => {
  const table = parseImageTable('{"own/a:1": "/a {hosts}", "own/b:1": {"command": "/b", "gpu": false}}');
  assert.equal(
    [...table],
    [
      ["own/a:1", { command: "/a {hosts}", gpu: true }],
      ["own/b:1", { command: "/b", gpu: false }],
    ],
  );
});

test("M-45: a wrong table is refused with what is wrong about it", () => {
  const cases: [string, RegExp][] = [
    ["{", /not JSON/],
    ["[]", /no JSON object/],
    ["{}", /names no image/],
    ['{"a b": "x"}', /"a b" is no image/],
    ['{"a": 1}', /"command" of "a" has to be a text/],
    ['{"a": ""}', /"command" of "a" has to be a text/],
    ['{"a": "{x}"}', /"command" of "a" has the unknown placeholder \{x\}/],
    ['{"a": {"command": "x", "gpu": "no"}}', /"gpu" of "a"/],
    ['{"a": {"command": "x", "cpu": 1}}', /"a" has "cpu"/],
  ];
  for (const [text, problem] of cases) assert.throws(() => parseImageTable(text), problem, text);
});

test.run();
