import { suite } from "uvu";
import * as assert from "uvu/assert";
import { booleanValue, readSettings, SettingProblem, textValue } from "../../../settings/settings.ts";

const test = suite("settings");
const SETTINGS = {
  on: { flag: "on", env: "ON", help: "A switch.", fallback: "false", parse: booleanValue },
  other: { flag: "other", env: "OTHER", help: "Another.", fallback: "true", parse: booleanValue },
  loud: { flag: "loud", env: "LOUD", help: "A text.", fallback: "", parse: textValue, alone: "yes" },
  name: { flag: "name", env: "NAME", help: "A text.", fallback: "", parse: textValue },
} as const;
const DEFAULTS = { on: false, other: true, loud: "", name: "" };

const read = (argv: readonly string[], env: Record<string, string> = {}) => readSettings(SETTINGS, argv, env);
function complaint(argv: readonly string[]): string {
  try {
    read(argv);
  } catch (error) {
    if (!(error instanceof SettingProblem)) throw error;
    return error.message;
  }
  return "none";
}

test("O-270: the flag of a switch may stand alone, anywhere, or have a value", () => {
  assert.equal(read([]), DEFAULTS);
  assert.equal(read(["--on"]), { ...DEFAULTS, on: true });
  assert.equal(read(["--on", "--other", "false"]), { ...DEFAULTS, on: true, other: false });
  assert.equal(read(["--other=false", "--on"]), { ...DEFAULTS, on: true, other: false });
  assert.equal(read(["--on", "false", "--name", "x"]), { ...DEFAULTS, name: "x" });
  assert.equal(read(["--on=0", "--name=--on"]), { ...DEFAULTS, name: "--on" });
  assert.equal(read(["--loud", "--on"]), { ...DEFAULTS, loud: "yes", on: true });
  assert.equal(read(["--on"], { ON: "false" }), { ...DEFAULTS, on: true });
});

test("O-270: what is no value of a switch, and a flag that needs one, are told", () => {
  assert.is(complaint(["--on", "maybe"]), '--on (ON) "maybe": must be true or false');
  assert.match(complaint(["--name"]), "--name");
  assert.match(complaint(["--name", "--on"]), "--name");
  assert.match(complaint(["--no-on"]), "--no-on");
});

test.run();
