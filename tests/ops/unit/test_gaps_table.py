"""The table of the emulator's gaps follows from the patches."""

from __future__ import annotations

from types import ModuleType

from ops.local.gaps import gaps_of, rows

TEXT = """Mail.

Something else.

- ``first-gap``: a mail is lost,
  without a word.
- ``second``: no ``Bounce``.
"""


def test_a_gap_is_described_to_the_end_of_its_item() -> None:
    assert gaps_of(TEXT) == {
        "first-gap": "a mail is lost, without a word.",
        "second": "no ``Bounce``.",
    }


def test_a_row_says_what_aws_and_ministack_do_and_where_the_patch_is() -> None:
    module = ModuleType("emulator.patches.mail", TEXT)
    module.GAPS = {"second": "``Bounce`` is known."}  # type: ignore[attr-defined]

    assert list(rows(module)) == [
        ["[Mail](patches/mail.py)", "`Bounce` is known.", "No `Bounce`.", "`second`"]
    ]
