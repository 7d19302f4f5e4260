import * as assert from "uvu/assert";
import { BEGINNING, MlbenchOutput, type OutputLine, TRUNCATED } from "../../../store/mlbench-output.ts";
import type { Sql } from "../../../store/sql.ts";

const MAX_LINES = 10;

function out(...texts: string[]): OutputLine[] {
  return texts.map((text) => ({ stream: "stdout", text }));
}

function err(...texts: string[]): OutputLine[] {
  return texts.map((text) => ({ stream: "stderr", text }));
}

const at = (bytes: number, inside = false) => ({ bytes, inside });

/** Adds what holds for the output of MLBench's runs whatever database it is in. `open` is asked once for one with nothing in it. */
export function mlbenchOutputCases(
  test: (title: string, work: () => Promise<void>) => void,
  open: () => Promise<Sql>,
): void {
  let opened: Promise<Sql> | undefined;
  let nextRun = 1;
  const fresh = async (maxLines = MAX_LINES) => {
    opened ??= open();
    const sql = await opened;
    return { sql, output: new MlbenchOutput(sql, maxLines), run: nextRun++ };
  };
  const read = async (output: MlbenchOutput, run: number, stream: "stdout" | "stderr"): Promise<string[]> => {
    const texts: string[] = [];
    for await (const { number, text } of output.lines(run, stream)) {
      texts.push(text);
      assert.is(number, texts.length, "numbers without a gap");
    }
    return texts;
  };

  test("M-36: both arrays keep their lines in order, apart from each other and from other runs", async () => {
    const { output, run } = await fresh();
    const { run: other } = await fresh();
    assert.is(await output.append(run, { lines: [...out("a"), ...err("x"), ...out("", "b")] }), "stored");
    assert.is(await output.append(other, { lines: out("other") }), "stored");
    assert.is(await output.append(run, { lines: out("c") }), "stored");
    assert.equal(await read(output, run, "stdout"), ["a", "", "b", "c"]);
    assert.equal(await read(output, run, "stderr"), ["x"]);
    assert.equal(await read(output, other, "stdout"), ["other"]);
    assert.equal(await output.readFrom(run, "stdout", 2), [
      { number: 3, text: "b" },
      { number: 4, text: "c" },
    ]);
    assert.equal(await output.state(run), { stdout: 4, stderr: 1, goal: false });
  });

  test("M-51: a batch that is sent twice is stored once, and the source says where to go on", async () => {
    const { output, run } = await fresh();
    const batch = { lines: out("a", "b"), source: { name: "0/stdout", from: BEGINNING, to: at(4) } };
    assert.equal(await output.position(run, "0/stdout"), BEGINNING);
    assert.is(await output.append(run, batch), "stored");
    assert.is(await output.append(run, batch), "moved");
    assert.equal(await output.position(run, "0/stdout"), at(4));
    assert.equal(await output.position(run, "1/stdout"), BEGINNING);
    const inside = { name: "0/stdout", from: at(4), to: at(9, true) };
    assert.is(await output.append(run, { lines: out("c"), source: inside }), "stored");
    assert.is(
      await output.append(run, { lines: out("d"), source: { ...inside, from: at(9), to: at(10) } }),
      "moved",
      "the same offset, but not within a line",
    );
    assert.equal(await output.position(run, "0/stdout"), at(9, true));
    assert.equal(await read(output, run, "stdout"), ["a", "b", "c"]);
  });

  test("M-51: of two processes that follow one source, each line is stored by one of them", async () => {
    const { sql, output, run } = await fresh(1000);
    const others = [output, new MlbenchOutput(sql, 1000), new MlbenchOutput(sql, 1000)];
    const follow = async (writer: MlbenchOutput, name: string): Promise<number> => {
      let stored = 0;
      for (let place = 0; place < 20; ) {
        const source = { name, from: at(place), to: at(place + 1) };
        const done = await writer.append(run, { lines: out(`${name} ${place}`), source });
        if (done === "stored") stored += 1;
        place = (await writer.position(run, name)).bytes;
      }
      return stored;
    };
    const counts = await Promise.all(others.flatMap((writer) => ["a", "b"].map((name) => follow(writer, name))));
    assert.is(
      counts.reduce((sum, count) => sum + count, 0),
      40,
    );
    const lines = await read(output, run, "stdout");
    for (const name of ["a", "b"]) {
      const own = lines.filter((line) => line.startsWith(name));
      assert.equal(
        own,
        Array.from({ length: 20 }, (_, place) => `${name} ${place}`),
      );
    }
  });

  test("M-37: an array ends with a mark after its last line, and sources go on", async () => {
    const { output, run } = await fresh(3);
    await output.append(run, { lines: out("1", "2", "3") });
    assert.equal(await read(output, run, "stdout"), ["1", "2", "3"]);
    const source = { name: "s", from: BEGINNING, to: at(6) };
    assert.is(await output.append(run, { lines: [...out("4", "5"), ...err("e")], source }), "stored");
    assert.is(await output.append(run, { lines: out("6"), goal: true }), "stored");
    assert.equal(await read(output, run, "stdout"), ["1", "2", "3", TRUNCATED]);
    assert.equal(await read(output, run, "stderr"), ["e"]);
    assert.equal(await output.position(run, "s"), at(6));
    assert.equal(await output.state(run), { stdout: 4, stderr: 1, goal: true });
  });

  test("M-52: that the goal is reached stays noted", async () => {
    const { output, run } = await fresh();
    await output.append(run, { lines: out("Goal Reached!"), goal: true });
    await output.append(run, { lines: out("more") });
    assert.is((await output.state(run)).goal, true);
  });

  test("M-37: more lines than one statement and one page hold", async () => {
    const { output, run } = await fresh(2000);
    const many = Array.from({ length: 1100 }, (_, i) => `line ${i} Ünïcödé '?'`);
    await output.append(run, { lines: out(...many) });
    assert.equal(await read(output, run, "stdout"), many);
  });

  test("M-41: a run that is dropped leaves nothing behind", async () => {
    const { sql, output, run } = await fresh();
    const { run: other } = await fresh();
    await output.append(run, { lines: out("a"), source: { name: "s", from: BEGINNING, to: at(2) } });
    await output.append(other, { lines: out("kept") });
    assert.ok((await output.runs()).includes(run));
    await output.drop(run);
    await output.drop(run);
    assert.not.ok((await output.runs()).includes(run));
    for (const table of ["mlbench_output", "mlbench_output_line", "mlbench_output_source"]) {
      const rows = await sql.read({ text: `SELECT run FROM ${table} WHERE run = ?`, values: [run] });
      assert.equal(rows, [], table);
    }
    assert.equal(await read(output, other, "stdout"), ["kept"]);
    assert.equal(await output.state(run), { stdout: 0, stderr: 0, goal: false });
  });
}
