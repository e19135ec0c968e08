"""Refuse the words of words.txt in names, comments, messages, templates and documents: each has a plainer one."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_name("words.txt")
# Texts by others, history that is not edited, what sample customers say, and the list itself.
LEFT_OUT = (
    "static/vendor/",
    "supabase/migrations/",
    "uv.lock",
    "LICENSE",
    ".ci/words.txt",
    "server/demo/scripts.json",
    "server/embedded/history.sql",
)
READ = {".py", ".sql", ".html", ".js", ".css", ".md", ".toml", ".sh", ".conf", ".json", ".svg", ""}


def main() -> int:
    words, allowed = rules(LIST.read_text())
    found = []
    for file in files():
        name = str(file.relative_to(ROOT))
        found += [*look(name, words, allowed, name), *look(file.read_text(), words, allowed, name)]
    for line in found:
        print(line, file=sys.stderr)
    return bool(found)


def rules(text: str) -> tuple[dict[str, str], list[str]]:
    """Word or phrase → what is written instead; and the phrases in which such a word stays."""
    pairs = [line.split(": ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    words = {word: instead for word, instead in pairs if word != "allowed"}
    return words, [phrase for word, phrase in pairs if word == "allowed"]


def files() -> Iterator[Path]:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.split("\0"):
        path = ROOT / name
        if name and path.suffix in READ and not name.startswith(LEFT_OUT) and path.is_file():
            yield path


def look(text: str, words: dict[str, str], allowed: list[str], name: str) -> Iterator[str]:
    """A sentence for each place; names in snake_case and CamelCase are taken apart, and plurals count."""
    unwanted = re.compile(rf"\b({'|'.join(map(re.escape, words))})(?:e?s)?\b")
    for number, line in enumerate(text.splitlines(), 1):
        apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", line).replace("_", " ").lower()
        for phrase in allowed:
            apart = apart.replace(phrase, "")
        for word in unwanted.findall(apart):
            yield f"{name}:{number}: {word!r} is not used here, write: {words[word]}"


if __name__ == "__main__":
    sys.exit(main())
