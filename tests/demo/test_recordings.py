"""Everything that can be played of a folder of recordings is read, and the rest is named with its place and reason."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from server.demo.player import Tool
from server.demo.recordings import Recordings, read
from tests.demo.folders import conversation, folder, line

DATA = Path(__file__).parents[3] / "shared" / "data"
TURNS = conversation("x")["turns"]
OUTCOMES = '"resolved", "unresolved", "completed", "abandoned", "transferred", "error" or "absent"'
PYTHON = ("Error", "pydantic", "Input should", "dict", "Traceback", "codec")


def changed(turn: int, **fields: Any) -> list[dict[str, Any]]:
    return [one | fields if place == turn else one for place, one in enumerate(TURNS)]


WRONG: list[tuple[Any, str]] = [
    (conversation("x", turns=[]), "nobody says anything in it, and no tool is called"),
    (conversation("x", turns=[{"t_offset_s": 0, "speaker": "tool"}]), "nobody says anything in it"),
    (conversation("x", turns=...), "turns: is required"),
    (conversation("x", turns=None), "turns: expected a list, not null"),
    (conversation("x", turns="x"), "turns: expected a list, not text"),
    (conversation("x", turns=[7]), "turns[0]: expected an object, not a number"),
    (conversation("x", labels=None), "labels: expected an object, not null"),
    (conversation("x", labels=...), "labels: is required"),
    (conversation("x", labels={"outcome": None}), f"labels.outcome: expected {OUTCOMES}, not null"),
    (conversation("x", labels={"outcome": "lost"}), f"labels.outcome: expected {OUTCOMES}"),
    (conversation("x", labels={"intents": None}), "labels.intents: expected a list, not null"),
    (conversation("x", labels={"intents": ["a", 7]}), "labels.intents[1]: expected text, not a number"),
    (conversation("x", labels={"intents": [""]}), "labels.intents[0]: expected 1 character or more"),
    (conversation("x", id=...), "id: is required"),
    (conversation("x", id=7), "id: expected text, not a number"),
    (conversation("x", channel="fax"), 'channel: expected "voice" or "chat"'),
    (conversation("x", domain=""), "domain: expected 1 character or more"),
    (conversation("x", customer={}), "customer.phone: is required"),
    (conversation("x", customer=None), "customer: expected an object, not null"),
    (conversation("x", duration_s="long"), "duration_s: expected a number, not text"),
    (conversation("x", duration_s=-1), "duration_s: expected 0 or more"),
    (conversation("x", turns=changed(1, t_offset_s=None)), "turns[1].t_offset_s: expected a number, not null"),
    (conversation("x", turns=changed(1, t_offset_s=1e9)), "turns[1].t_offset_s: expected 86400 or less"),
    (conversation("x", turns=changed(1, tool_name="")), "turns[1]: an action has a tool_name"),
    (conversation("x", turns=changed(1, tool_name=None)), "turns[1].tool_name: expected text, not null"),
    (conversation("x", turns=changed(1, tool_args=[])), "turns[1].tool_args: expected an object, not a list"),
    (conversation("x", turns=changed(0, speaker="robot")), 'expected "customer", "agent", "action" or "tool"'),
    (conversation("x", turns=changed(0, text="a\0b")), "the character NUL"),
    (7, "expected an object, not a number"),
    ([], "expected an object, not a list"),
    (b"null", "expected an object, not null"),
    (b"not json", "it is not JSON: Expecting value at column 1"),
    (line(conversation("x"))[:-9], "it is not JSON: "),
    (line(conversation("x")) + b" {}", "it is not JSON: Extra data"),
    (b"\xff\xfe\xfd", "it is not UTF-8 at byte 1"),
    (line(conversation("x", turns=changed(0, text="\xe9"))).replace("é".encode(), b"\xe9"), "it is not UTF-8"),
    (b'{"id": NaN}', "NaN is no number of JSON"),
    (b'{"id": 1e999}', "the number 1e999 is too large"),
    (b'{"id": ' + b"9" * 5000 + b"}", "a number with too many digits"),
    (b'{"id": "\\ud800"}', "half of a surrogate pair"),
    (b"[" * 200_000, "nested too deeply"),
    (b'{"id": "' + b"x" * 5_000_000 + b'"}', "it has more than 4194304 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "reason"), WRONG, ids=lambda value: str(value)[:60])
def test_a_record_that_cannot_be_played_is_named_and_the_others_are_read(
    tmp_path: Path, record: Any, reason: str
) -> None:
    good = [conversation("first"), conversation("last")]
    found = read(folder(tmp_path / "f", {"a.jsonl": [good[0], record, good[1]]}))
    assert [one.script.name for one in found.scripts] == ["first", "last"]
    [left_out] = found.left_out
    said = str(left_out)
    assert said.startswith("a.jsonl line 2")
    assert reason in said
    assert len(said) < 500
    assert not [word for word in PYTHON if word in said]
    if isinstance(record, dict) and record.get("id") == "x" and "NUL" not in reason:
        assert "(x)" in said


def test_a_conversation_that_stands_twice_is_played_once(tmp_path: Path) -> None:
    files: dict[str, list[Any] | bytes] = {
        "a.jsonl": [conversation("one"), conversation("one")],
        "b.jsonl": [conversation("two"), conversation("one")],
    }
    found = read(folder(tmp_path / "f", files))
    assert [one.script.name for one in found.scripts] == ["one", "two"]
    assert list(map(str, found.left_out)) == [
        "a.jsonl line 2 (one): its id is that of a.jsonl line 1",
        "b.jsonl line 2 (one): its id is that of a.jsonl line 1",
    ]


def test_files_of_any_shape_leave_the_others_to_be_read(tmp_path: Path) -> None:
    good = line(conversation("good", turns=changed(0, text="one\u2028line")))
    root = folder(
        tmp_path / "f",
        {
            "a_empty.jsonl": b"",
            "b_blank.jsonl": b"\n \r\n\n",
            "c_binary.jsonl": bytes(range(256)) * 100,
            "d_wide.jsonl": good.decode().encode("utf-16"),
            "e_marked.jsonl": b"\xef\xbb\xbf\r\n" + good + b"\r\n\r\n",
            "f_other.txt": b"no recording",
        },
    )
    (root / "conversations" / "g_folder.jsonl").mkdir()
    (root / "conversations" / "h_nowhere.jsonl").symlink_to(root / "nowhere")
    found = read(root)
    assert [(one.place.line, one.script.name) for one in found.scripts] == [(2, "good")]
    assert not found.left_out
    assert [note.split(" ")[0] for note in found.notes] == [
        "a_empty.jsonl", "b_blank.jsonl", "c_binary.jsonl", "d_wide.jsonl", "g_folder.jsonl", "h_nowhere.jsonl",
    ]  # fmt: skip
    assert "it is empty" in found.notes[0]
    assert "NUL" in found.notes[2]
    assert "directory" in found.notes[4]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    root = folder(tmp_path / "f", {"a.jsonl": [conversation("a")], "b.jsonl": [conversation("b")]})
    (root / "conversations" / "a.jsonl").chmod(0)
    found = read(root)
    assert [one.script.name for one in found.scripts] == ["b"]
    assert found.notes == ("a.jsonl cannot be read (Permission denied)",)


@pytest.mark.parametrize(
    ("tools", "note"),
    [
        (None, "tools.json cannot be read (No such file or directory)"),
        (b"", "tools.json cannot be read: it is not JSON"),
        (b"\xff", "tools.json cannot be read: it is not UTF-8"),
        ([], "tools.json: domains: expected an object"),
        ({"domains": {"parcels": None}}, "tools.json: domains.parcels.tools: expected a list"),
        ({"domains": {"parcels": {"tools": [{"writes": True}]}}}, "tools.json: domains.parcels.tools[0].name: is required"),
        ({"domains": {"parcels": {"tools": [7]}}}, "tools.json: domains.parcels.tools[0]: expected an object, not a number"),
    ],
    ids=str,
)  # fmt: skip
def test_tools_that_are_not_known_are_used_without_asking_and_that_is_said(
    tmp_path: Path, tools: Any, note: str
) -> None:
    found = read(folder(tmp_path / "f", {"a.jsonl": [conversation("a")]}, tools))
    assert [one.script.name for one in found.scripts] == ["a"]
    assert not any(step.asks for step in found.scripts[0].script.steps if isinstance(step, Tool))
    [said] = found.notes
    assert said.startswith(note)
    assert said.endswith("a tool without a definition does not ask for permission")


def test_one_wrong_definition_spoils_no_other(tmp_path: Path) -> None:
    tools = {
        "domains": {
            "garden": None,
            "parcels": {"tools": [{"name": None}, {"name": "redirect_parcel", "writes": True}]},
        }
    }
    found = read(folder(tmp_path / "f", {"a.jsonl": [conversation("a")]}, tools))
    asking = [step.name for step in found.scripts[0].script.steps if isinstance(step, Tool) and step.asks]
    assert asking == ["redirect_parcel"]
    assert len(found.notes) == 2


def test_a_folder_without_recordings_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no conversations"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read(tmp_path / "nowhere")
    (tmp_path / "conversations").write_text("a file")
    with pytest.raises(FileNotFoundError, match="no conversations"):
        read(tmp_path)


@pytest.mark.skipif(not DATA.exists(), reason="the recorded conversations are not here (../shared/data)")
def test_broken_copies_of_the_recorded_conversations_lose_the_broken_lines_alone(tmp_path: Path) -> None:
    """Every line of every file with one field missing, null, or of another kind, in turn."""
    whole: Recordings = read(DATA)
    shutil.copy(DATA / "tools.json", tmp_path)
    (tmp_path / "conversations").mkdir()
    broken = 0
    needed = ("id", "source", "channel", "domain", "duration_s", "customer", "turns", "labels")
    for path in sorted((DATA / "conversations").glob("*.jsonl")):
        lines = []
        for number, text in enumerate(path.read_text().splitlines()):
            record, field = json.loads(text), needed[number % len(needed)]
            if number % 2 == 0:
                broken += 1
                match number // 2 % 4:
                    case 0:
                        del record[field]
                    case 1:
                        record[field] = None
                    case 2:
                        record[field] = [{}]
                    case 3:
                        record["turns"] = []
            lines.append(json.dumps(record))
        (tmp_path / "conversations" / path.name).write_text("\n".join(lines))
    found = read(tmp_path)
    assert len(found.left_out) == broken
    assert len(found.scripts) == len(whole.scripts) - broken
    assert all(one.reason for one in found.left_out)
    kept = {one.script.name for one in found.scripts}
    assert [one.script for one in found.scripts] == [
        one.script for one in whole.scripts if one.script.name in kept
    ]
