"""Text from outside cannot look like something else."""

import pytest

from server.kernel.http import odd_names, spelled
from server.kernel.http.plain_text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("Zürich 東京 👋", "Zürich 東京 👋"),
        ("two\nlines", "two\nlines"),
        ("\u0645\u06cc\u200c\u062e 👨\u200d👩", "\u0645\u06cc\u200c\u062e 👨\u200d👩"),
        ("\u202e4321", '<span class="code-point">U+202E</span>4321'),
        ("\r\n\u202e4", '\n<span class="code-point">U+202E</span>4'),
        ("\u3164", '<span class="code-point">U+3164</span>'),
        ("a\u200bb", 'a<span class="code-point">U+200B</span>b'),
        ("\x07", '<span class="code-point">U+0007</span>'),
        ("a\u200db", 'a<span class="code-point">U+200D</span>b'),
        (
            "\u2066<i>\u2069",
            '<span class="code-point">U+2066</span>&lt;i&gt;<span class="code-point">U+2069</span>',
        ),
    ],
)
def test_what_nobody_would_see_is_written_out(text: str, shown: str) -> None:
    assert str(visible(text)) == shown


@pytest.mark.parametrize(
    ("names", "odd"),
    [
        (["amount", "order_id", "orders"], []),
        (["amount", "\N{CYRILLIC SMALL LETTER A}mount"], ["\N{CYRILLIC SMALL LETTER A}mount"]),
        (["amount", "Amount"], ["amount", "Amount"]),
        (["amount "], ["amount "]),
        (["total", "tota1"], ["total", "tota1"]),
        (["straße"], ["straße"]),
        ([""], [""]),
    ],
)
def test_names_that_look_like_others_are_marked(names: list[str], odd: list[str]) -> None:
    assert list(odd_names(names)) == odd


def test_a_buttons_name_spells_them_out() -> None:
    assert spelled("refund\u202e<b>") == "refund[U+202E]<b>"
