"""Writes what Jinja2 makes of the templates in cases.json into it: `pip install jinja2==3.1.6`, run this file, then `npm run format`.

Each case is a template and its output with the one context; the output is null where Jinja2 refuses the template.
"""
import json
import pathlib

import jinja2

path = pathlib.Path(__file__).with_name("cases.json")
document = json.loads(path.read_text())
environment = jinja2.Environment()


def output(template):
    try:
        return environment.from_string(template).render(document["context"])
    except (jinja2.TemplateError, TypeError, ValueError):
        return None


document["cases"] = [[template, output(template)] for template, *_ in document["cases"]]
path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
