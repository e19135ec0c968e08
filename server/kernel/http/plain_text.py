"""Text from outside, shown so that it cannot look like something else."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

from markupsafe import Markup, escape

_JOINERS = "\u200c\u200d"  # which Persian words and emoji need
_LINES = "\n\t"
# Invisible characters that Unicode counts among letters, marks and symbols, such as fillers and variation selectors.
_BLANK = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0xE0100, 0xE01F0)))
)
_SPACES = str.maketrans("\n\t\u00a0", "   ")  # blanks that are visible as such
_ESCAPED = (("&", 4), ("<", 3), (">", 3), ('"', 4), ("'", 4))  # and how many bytes longer HTML is for each
_LONGEST = 5  # bytes of HTML of a plain character
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # categories of invisible characters


def visible(text: str) -> Markup:
    """Text in which invisible characters are spelled out, such as U+202E: controls, direction marks, characters without width."""
    if text.isascii() and text.isprintable():  # true for nearly all texts
        return escape(text)
    text = text.replace("\r\n", "\n")
    if text.translate(_SPACES).isprintable() and _BLANK.isdisjoint(text):
        return escape(text)
    return Markup("").join(
        Markup('<span class="code-point">U+{:04X}</span>').format(ord(one))
        if _is_hidden(text, place)
        else one
        for place, one in enumerate(text)
    )


def cut(text: str, limit: int) -> str:
    """The beginning of a text, at most so many bytes of HTML, with … where it was cut."""
    if len(text) * _LONGEST <= limit and text.isascii() and text.isprintable():
        return text
    if html_size(text) <= limit:
        return text
    left = limit - html_size("…")
    for place, one in enumerate(text):
        # A character alone may be spelled out that is shown as it is next to others, so this sum is never too small.
        left -= html_size(one)
        if left < 0:
            return text[:place] + "…"
    return text


def html_size(text: str) -> int:
    """The bytes of HTML of a text."""
    if text.isascii() and text.isprintable():
        return len(text) + sum(text.count(sign) * more for sign, more in _ESCAPED)
    return len(visible(text).encode())


def spelled(text: str) -> str:
    """The same without markup, for a button's name: U+202E → [U+202E]."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"[U+{ord(one):04X}]" if _is_hidden(text, place) else one for place, one in enumerate(text)
    )


def _is_hidden(text: str, place: int) -> bool:
    one = text[place]
    if one in _BLANK:
        return True
    if one in _LINES or unicodedata.category(one) not in _HIDDEN:
        return False
    beside = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
    return not (one in _JOINERS and len(beside) == 2 and not beside.isascii())


def odd_names(names: Iterable[str]) -> dict[str, str]:
    """Names that could be mistaken for others, each with the reason. Plain names are not in the result."""
    reads = {name: _reads(name) for name in names}
    often = Counter(reads.values())
    found = {}
    for name, read in reads.items():
        if not name.isascii():
            strange = next(one for one in name if not one.isascii())
            found[name] = f"not a plain name: it has U+{ord(strange):04X}"
        elif not name or name != name.strip():
            found[name] = "not a plain name: it has spaces around it"
        elif often[read] > 1:
            found[name] = "another name here reads the same"
    return found


def _reads(name: str) -> str:
    return (
        "".join(one for one in name.casefold() if one.isalnum())
        .replace("0", "o")
        .replace("1", "l")
        .replace("i", "l")
    )
