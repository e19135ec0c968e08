"""Transcripts of ai-sdr as turns: every word of them is in a turn."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.cli.sdr import transcripts
from server.cli.sdr.transcripts import Turn

NOBODY = ["its transcript names no speakers and became a turn of the agent"]
BEFORE = ["the text before the first speaker became a turn of the agent"]
UNKNOWN = ["what a speaker said whom we do not know became a turn of the agent"]


def talk(*items: tuple[str, object]) -> str:
    return json.dumps([{"role": role, "content": content} for role, content in items])


@pytest.mark.parametrize(
    ("text", "turns", "notes"),
    [
        (None, [], []),
        (" \n ", [], []),
        ("Agent: Hi.\nUser: Hi.", [("agent", "Hi."), ("customer", "Hi.")], []),
        ("ASSISTANT : a\r\ncaller:b", [("agent", "a"), ("customer", "b")], []),
        ("AI: one\ntwo\n\nthree\n\nCustomer: Yes: I am", [("agent", "one\ntwo\n\nthree"), ("customer", "Yes: I am")], []),
        ("Agent:\nHuman: Hello?\nTool: 42", [("customer", "\nHello?"[1:]), ("tool", "42")], []),
        ("Call of Monday.\nAgent: Hi.", [("agent", "Call of Monday."), ("agent", "Hi.")], BEFORE),
        ("They spoke of prices.\nNote: nothing.", [("agent", "They spoke of prices.\nNote: nothing.")], NOBODY),
        (talk(("assistant", "Hi."), ("user", "Hi.")), [("agent", "Hi."), ("customer", "Hi.")], []),
        (talk(("assistant", None), ("tool", "42")), [("tool", "42")], []),
        (talk(("user", [{"type": "text", "text": "Hi."}])), [("customer", "Hi.")], []),
        (talk(("system", "Be kind."), ("user", "Hi.")), [("agent", "Be kind."), ("customer", "Hi.")], UNKNOWN),
        ('[{"role": "user"}]', [("agent", '[{"role": "user"}]')], NOBODY),
        ("[1, 2]", [("agent", "[1, 2]")], NOBODY),
        ("[pause]\nAgent: Hi.", [("agent", "[pause]"), ("agent", "Hi.")], BEFORE),
    ],
)  # fmt: skip
def test_a_transcript_becomes_turns(text: str | None, turns: list[Turn], notes: list[str]) -> None:
    found = transcripts.read(text)
    assert (found.turns, found.notes) == (turns, notes)


def test_a_long_turn_is_divided_between_words() -> None:
    said = "word " * 2000
    found = transcripts.read(f"Agent: {said}.")
    assert len(found.turns) == 3
    assert all(speaker == "agent" and len(text) <= 4000 for speaker, text in found.turns)
    assert all(text.endswith("word ") for _, text in found.turns[:-1])
    assert "".join(text for _, text in found.turns) == f"{said}."
    assert found.notes == ["a turn is longer than 4000 characters and was divided"]
    assert [len(text) for _, text in transcripts.read("x" * 9000).turns] == [4000, 4000, 1000]
    deep = transcripts.read("[" * 100_000)
    assert "".join(text for _, text in deep.turns) == "[" * 100_000


@given(
    st.lists(st.sampled_from(["Agent: ", "User:", "Note: ", "", " ", "word", "[", '"', "\r"]), max_size=30)
)
def test_no_word_is_lost(parts: list[str]) -> None:
    text = "\n".join(parts)
    found = transcripts.read(text)
    assert "".join(said for _, said in found.turns).count("word") == text.count("word")
    assert all(said.strip() for _, said in found.turns)
