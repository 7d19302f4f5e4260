import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { renderTemplate } from "../../../../api/templates/render.ts";
import { TemplateProblem } from "../../../../api/templates/template-problem.ts";
import type { Mapping } from "../../../../api/templates/value.ts";

const test = suite("templates");
/** Templates with what Jinja2 made of them; test/golden/templates/make.py writes them. */
const GOLDEN = JSON.parse(readFileSync(join("test", "golden", "templates", "cases.json"), "utf8")) as {
  context: Mapping;
  cases: [template: string, output: string | null][];
};

const refusal = (template: string, context: Mapping = {}): string => {
  try {
    return `rendered: ${renderTemplate(template, context)}`;
  } catch (error) {
    if (error instanceof TemplateProblem) return error.message;
    throw error;
  }
};

test("O-154: what the subset has gives what Jinja2 gives, and what Jinja2 refuses is refused", () => {
  const { context, cases } = GOLDEN;
  assert.ok(cases.length > 100);
  for (const [template, output] of cases) {
    if (output === null) assert.match(refusal(template, context), /^line \d+, column \d+: /, template);
    else assert.is(renderTemplate(template, context), output, template);
  }
});

test("O-154: what is not in the subset is refused with its place", () => {
  for (const template of [
    "{{ f() }}",
    "{{ 'x'.upper() }}",
    "{{ xs.append(1) }}",
    "{{ self.x() }}",
    "{{ range(5) }}",
    "{{ cycler('a') }}",
    "{{ x | attr('y') }}",
    "{{ x | map('y') }}",
    "{{ x is defined }}",
    "{{ 1 + 1 }}",
    "{{ 'a' ~ 'b' }}",
    "{{ 2 ** 9999 }}",
    "{{ [1] }}",
    "{{ {'a': 1} }}",
    "{{ xs[1:2] }}",
    "{{ 'a' if x else 'b' }}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'x' %}",
    "{% block x %}{% endblock %}",
    "{% macro m() %}{% endmacro %}",
    "{% call m() %}{% endcall %}",
    "{% raw %}x{% endraw %}",
    "{% filter upper %}x{% endfilter %}",
    "{% do x %}",
    "{% with %}{% endwith %}",
    "{% set x %}y{% endset %}",
    "{% set a.b = 1 %}",
    "{% for x in xs recursive %}{% endfor %}",
    "{% for x in xs if x %}{% endfor %}",
    "{% for x in xs %}{% else %}{% endfor %}",
    "{% for x in 'text' %}{% endfor %}",
    "{% break %}",
    "{{ loop() }}",
    "{{ 99999999999999999999 }}",
    "{{ x | default('a', 'b', 'c') }}",
    "{{ x | default('a', default_value='b') }}",
    "{{ x | lower(locale='tr') }}",
    "{{ 1.5 | round(99) }}",
    "{{ 'x' | tojson(indent=1000000) }}",
  ])
    assert.match(refusal(`\n  ${template}`, { xs: ["a"] }), /^line 2, column \d+: /, template);
});

test("O-154: nothing but own keys of the data can be reached", () => {
  const context = JSON.parse('{"x": {"__proto__": "own", "list": [1], "text": "t"}, "y": {}}') as Mapping;
  assert.is(renderTemplate("{{ x.__proto__ }}", context), "own");
  for (const reach of [
    "x.constructor",
    "y.__proto__",
    "y['__proto__']",
    "__proto__",
    "constructor",
    "toString",
    "globalThis",
    "process",
    "x.list.length",
    "x.list.constructor",
    "x.list['map']",
    "x.text.length",
    "x.text['constructor']",
    "y.hasOwnProperty",
  ])
    assert.is(renderTemplate(`[{{ ${reach} }}]`, context), "[]", reach);
  assert.match(refusal("{{ x.constructor.constructor }}", context), /constructor is undefined/);
  assert.is(renderTemplate("{{ a }}{{ b|length }}", { a: "{{ 7 }}{% set a = 1 %}", b: [] }), "{{ 7 }}{% set a = 1 %}0");
  assert.is(renderTemplate("{% for k, v in m %}{{ k }}={{ v }};{% endfor %}", { m: { a: 1, b: "x" } }), "a=1;b=x;");
});

test("O-154: loops, texts and output end with a 422 at their bounds, whatever they are made of", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index);
  const loops = (depth: number, body: string): string =>
    "{% for i in xs %}".repeat(depth) + body + "{% endfor %}".repeat(depth);
  const big = "x".repeat(900_000);
  for (const [template, context, message] of [
    [loops(3, ""), { xs: hundred }, /more than 100000 steps/],
    [loops(50, "x"), { xs: hundred }, /more than 100000 steps/],
    [loops(2, "{{ big }}"), { xs: hundred, big: "x".repeat(1000) }, /more than 1048576 bytes|steps/],
    [loops(1, "{{ big }}"), { xs: hundred, big }, /more than 1048576 bytes/],
    ["{{ big | replace('x', big) }}", { big }, /more than 1048576 characters/],
    ["{{ big | replace('', 'yyyy') }}", { big }, /more than 1048576 characters/],
    ["{{ xs | join(big) }}", { xs: hundred, big }, /more than 1048576 characters/],
    [loops(1, "{% set y = big | upper %}"), { xs: hundred, big }, /more than 100000 steps/],
    [loops(2, "{% if m == n %}{% endif %}"), { xs: hundred, m: hundred, n: [...hundred] }, /more than 100000 steps/],
    [loops(2, "{% if big in big %}{% endif %}"), { xs: hundred, big }, /more than 100000 steps/],
    [loops(1, "{% set y = m | tojson %}"), { xs: hundred, m: Array(2000).fill("é".repeat(50)) }, /more than/],
    [`{% set y = q | tojson %}${"{% set y = y | tojson %}".repeat(40)}`, { q: '"'.repeat(1000) }, /more than/],
  ] as const)
    assert.match(refusal(template, context as Mapping), message, template.slice(0, 80));
  assert.is(renderTemplate(loops(2, "x"), { xs: hundred }).length, 10_000);
});

test("O-154: deep, long and broken templates are refused, not crashed on", () => {
  for (const template of [
    `{{ ${"(".repeat(50_000)}1${")".repeat(50_000)} }}`,
    `{{ ${"x[".repeat(50_000)} }}`,
    `{{ x${".y".repeat(50_000)} }}`,
    `{{ x${"|upper".repeat(50_000)} }}`,
    `{{ 1 ${"and 1 ".repeat(50_000)} }}`,
    "{% if x %}".repeat(50_000),
    `{{ "${"x".repeat(500_000)}`,
    `{{ ${"'".repeat(500_001)} }}`,
    "{{".repeat(200_000),
    `{{ ${"-".repeat(100_000)}1 }}`,
    `{{ "\\`,
    "{{ 1e }}",
    "{{ @ }}",
    "{{ x.1.5 }}",
  ])
    assert.match(refusal(template), /^line \d+, column \d+: /, template.slice(0, 40));
  assert.is(renderTemplate(`{{ ${"not ".repeat(100_000)}1 }}`, {}), "True");
  assert.is(renderTemplate(`{{ "${"x".repeat(500_000)}" }}`, {}).length, 500_000);
  const white = " ".repeat(300_000);
  assert.is(renderTemplate(`${white}x${white}{{- 1 -}}${white}{#- -#}${white}`, {}).trim(), `x1`);
});
test.run();
