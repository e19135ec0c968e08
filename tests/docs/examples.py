"""The code blocks of the documentation, as the files they are kept in."""

from server import FILES

FOLDER = FILES / "templates" / "docs" / "examples"


def example(name: str) -> str:
    return (FOLDER / name).read_text()
