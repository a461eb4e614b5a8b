"""Writes jinja2_golden.json: constructs.json rendered by Python's Jinja2 with the settings Transformers uses.

Run by hand after changing constructs.json:  python3 make_jinja2_golden.py   (Debian: python3-jinja2, 3.1)
"""

import json
import pathlib

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception

here = pathlib.Path(__file__).parent
data = json.loads((here / "constructs.json").read_text())
cases = []
for template in data["templates"]:
    try:
        cases.append({"template": template, "text": environment.from_string(template).render(**data["context"])})
    except Exception as problem:
        cases.append({"template": template, "error": type(problem).__name__})
golden = {"jinja2": jinja2.__version__, "context": data["context"], "cases": cases}
(here / "jinja2_golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
