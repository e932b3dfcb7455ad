"""The generated parts of documents are what the code gives, and the rest stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.settings import REPOSITORY
from ops.style.words import rejected_words
from ops.terraform.docs import filled
from ops.terraform.tables import inputs_table, outputs_table
from ops.terraform.templates import FLOWS

MODULES = sorted(
    file.parent
    for file in FLOWS.parent.rglob("variables.tf")
    if not {".terraform", "examples"} & {*file.relative_to(FLOWS.parent).parts}
    and file.parent != FLOWS.parent
)

VARIABLES = """
variable "text" {
  description = "A \\"text\\" with a|bar and <angles>."
  type        = string
  default     = "a|b"
}

variable "short" {
  description = "A short object."
  type        = object({ rate = number })

  validation {
    condition     = var.short.rate > 0
    error_message = "short.rate is above 0. Raise it."
  }
}

variable "long" {
  description = <<-EOT
    Settings by name,
    over two lines:
    rate, burst: calls per second, and at once.
    other: a line of this variable's text, as there is no such field.
  EOT
  type = map(object({
    rate  = optional(number, 10) # a comment
    burst = optional(number)
    where = object({
      name      = string
      addresses = optional(list(object({ host = string, ports = set(number) })), [])
      trickery  = optional(string, "a, (b")
    })
  }))
  default = { a = { where = { name = "x" } }, b = null }
}

variable "nested" {
  description = "Nested braces."
  type        = map(object({ a = optional(object({ b = string }), {}) }))
}

variable "nothing" {
  type    = any
  default = null
}
"""


def test_a_document_keeps_all_but_its_generated_parts() -> None:
    text = "before\n<!-- picture of x -->\nold\n<!-- end of picture -->\nafter\n"
    parts = {"picture": lambda name: f"new {name}\n"}

    once = filled(text, parts)

    assert once == "before\n<!-- picture of x -->\nnew x\n<!-- end of picture -->\nafter\n"
    assert filled(once, parts) == once
    assert filled(text, {}) == text


def test_a_part_ends_at_its_own_end() -> None:
    text = "<!-- inputs -->\n<!-- end of outputs -->\n<!-- end of inputs -->\n"

    assert filled(text, {"inputs": lambda _: ""}) == "<!-- inputs -->\n<!-- end of inputs -->\n"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(FLOWS.parent)))
def test_the_document_of_a_module_has_its_inputs_and_outputs(module: Path) -> None:
    text = (module / "README.md").read_text(encoding="utf-8")

    for kind in ("inputs", "outputs"):
        assert re.search(rf"^<!-- {kind} -->\n(.+\n)+<!-- end of {kind} -->$", text, re.MULTILINE)


def test_an_input_is_described_with_its_fields(tmp_path: Path) -> None:
    (tmp_path / "variables.tf").write_text(VARIABLES)

    header, rule, *rows = inputs_table(tmp_path).splitlines()

    assert header == "| input | type | default | description |"
    assert rule == "| --- | --- | --- | --- |"
    other = "other: a line of this variable's text, as there is no such field."
    element = "`long.*.where.addresses"
    assert rows == [
        r"| `text` | `string` | `a\|b` | A \"text\" with a\|bar and \<angles>. |".replace(
            r"\"", '"'
        ).replace(r"`a\|b`", r'`"a\|b"`'),
        "| `short` | `object({ rate = number })` | required | A short object. |",
        '| `long` | `map(object)` | `{ a = { where = { name = "x" } }, b = null }` '
        f"| Settings by name, over two lines: {other} |",
        "| `long.*.rate` | `number` | `10` | Calls per second, and at once. |",
        "| `long.*.burst` | `number` | `null` | Calls per second, and at once. |",
        "| `long.*.where` | `object` | required | |",
        "| `long.*.where.name` | `string` | required | |",
        f"| {element}` | `list(object({{ host = string, ports = set(number) }}))` | `[]` | |",
        '| `long.*.where.trickery` | `string` | `"a, (b"` | |',
        "| `nested` | `map(object({ a = optional(object({ b = string }), {}) }))` "
        "| required | Nested braces. |",
        "| `nothing` | `any` | `null` | |",
    ]


def test_a_variable_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "variables.tf").write_text(VARIABLES)

    assert "`text`" not in inputs_table(tmp_path, ["text"])


def test_an_output_is_described(tmp_path: Path) -> None:
    (tmp_path / "outputs.tf").write_text('output "arn" {\n  description = "ARN."\n  value = 1\n}\n')

    assert outputs_table(tmp_path).splitlines()[2:] == ["| `arn` | ARN. |"]


def test_a_module_without_inputs_says_so(tmp_path: Path) -> None:
    assert inputs_table(tmp_path) == outputs_table(tmp_path) == "None.\n"


def test_the_style_names_every_rejected_word() -> None:
    text = (REPOSITORY / "docs" / "style.md").read_text(encoding="utf-8")

    for word in rejected_words():
        assert f"| `{word.rejected}` |" in text
