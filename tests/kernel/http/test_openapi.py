"""The server refuses what the OpenAPI document refuses and accepts what it allows, except for a table of differences."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.app import CALLS
from server.errors import Invalid
from server.kernel.http import IDEMPOTENCY_KEY, Call, document
from tests.json_schema import resolved, takes

DOCUMENT = document(CALLS, "Agent API", "1")
WITH_BODY = {f"{call.method} {call.path}": call for call in CALLS if call.body}
METRICS, TURNS = "POST /interactions/{id}/metrics", "POST /interactions/{id}/turns"
START, ARCHIVE = "POST /interactions", "PUT /interactions/{id}/archive"
ASK, REPORT = "POST /interactions/{id}/tool-permissions", "PATCH /tool-permissions/{id}/execution"

JUNK = [None, True, False, 0, -1, 7, 1.5, 14821.0, 101, "", "x", "good", [], ["x"], {}, {"x": 1}]
MOMENTS = ["2024-05-01T10:00:00Z", "2024-05-01T10:00:00.123456+02:00", "2000-01-01T00:00:00+14:00"]
NO_MOMENTS = [
    "1999-12-31T23:59:59Z", "1999-01-01T00:00:00-01:00", "2024-05-01T10:00:00", "2024-05-01", "2024-02-30T00:00:00Z",
    "9999-01-01T00:00:00Z", "yesterday", "",
]  # fmt: skip
UNITS = (1, 10**3, 10**6, 10**9)  # of a second, in a number that is a moment
ID = "6b8700ce-67c6-437b-862d-d7a60abc76d7"


def operation(name: str) -> dict[str, Any]:
    method, _, path = name.partition(" ")
    found: dict[str, Any] = DOCUMENT["paths"]["/api/v1" + path][method.lower()]
    return found


def schema_of(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = operation(name)["requestBody"]["content"]["application/json"]["schema"]
    return schema


def near(schema: dict[str, Any], name: str = "") -> st.SearchStrategy[Any]:
    """Values that the schema allows, and now and then one that it just does not."""
    schema = resolved(schema, DOCUMENT)
    if name == "phone_number":  # which numbers there are is no matter of JSON Schema
        return st.sampled_from(["+18505550155", "anonymous", "", None, 7, []])
    if "anyOf" in schema and "properties" not in schema:
        return st.one_of(*(near(one, name) for one in schema["anyOf"]))
    match schema.get("type"):
        case "object" if "properties" in schema:
            some = {key: near(value, key) for key, value in schema["properties"].items()}
            needed = {key: some.pop(key) for key in schema.get("required", ())}
            whole = st.fixed_dictionaries(needed, optional=some)
            more = st.fixed_dictionaries({}, optional=needed | some | {"another": st.just(1)})
            return st.one_of(whole, whole, whole, more, st.sampled_from(JUNK))
        case "array":
            items, most = near(schema["items"], name), schema["maxItems"]
            long = st.tuples(items, st.sampled_from([most, most + 1])).map(lambda pair: [pair[0]] * pair[1])
            return st.one_of(st.lists(items, max_size=3), long)
        case "string" if schema.get("format") == "date-time":
            return mostly(MOMENTS, NO_MOMENTS)
        case "string" if schema.get("format") == "uuid":
            return mostly([ID], ["6b8700ce", "x", 7, None])
        case "string" if "enum" in schema or "const" in schema:
            return mostly(schema.get("enum") or [schema["const"]])
        case "string":
            most = schema.get("maxLength", 10)
            return mostly(["x", "é" * most, "a\nb\n"], ["x" * (most + 1), "a\0b", ""])
        case "number" | "integer":
            least, largest = schema["minimum"], schema.get("maximum", 1_700_000_000)
            if "not" in schema:
                return mostly(
                    [least, *(largest * unit for unit in UNITS)],
                    [least - 1, *(least * 999 * n for n in UNITS)],
                )
            return mostly([least, largest, float(largest), 7.0], [least - 1, largest + 1, 0.5])
        case "boolean":
            return mostly([True, False])
        case "null":
            return st.none()
        case "object":
            return mostly([{}, {"x": [1, None]}])
    return st.sampled_from(JUNK)


def mostly(right: list[Any], wrong: Sequence[Any] = ()) -> st.SearchStrategy[Any]:
    few = [*wrong, *JUNK]
    return st.sampled_from([*right * (6 * len(few) // len(right)), *few])


def is_taken(call: Call, value: Any) -> bool:
    assert call.json_body is not None
    try:
        call.json_body.read(json.dumps(value).encode())
    except Invalid:
        return False
    return True


@pytest.mark.parametrize("name", WITH_BODY)
def test_document_and_server_agree_on_what_a_body_is(name: str) -> None:
    schema, seen = schema_of(name), {True: 0, False: 0}

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(near(schema))
    def agree(value: Any) -> None:
        allowed = takes(schema, value, DOCUMENT)
        seen[allowed] += 1
        assert is_taken(WITH_BODY[name], value) == allowed, value

    agree()
    assert min(seen.values()) > 30, f"{seen}: both kinds were tried"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (METRICS, {}),
        (METRICS, [{}]),
        (METRICS, []),
        (METRICS, [{"sentiment": "good"}, {}]),
        (METRICS, {"sentiment": None, "satisfaction_score": None, "feed_text": None}),
        (METRICS, {"sentiment": "good", "captured_at": "1999-12-31T23:59:59Z"}),
        (METRICS, {"sentiment": "good", "captured_at": "2024-05-01T10:00:00"}),
        (METRICS, {"feed_text": "a\0b"}),
        (TURNS, [{"speaker": "agent", "text": "x"}] * 101),
        (ARCHIVE, {"summary": "x", "resolution_time_seconds": 14821.5}),
        (ARCHIVE, {"summary": "x", "resolution_time_seconds": -1}),
        (START, {"interaction_type": "voice", "phone_number": "1" * 256}),
    ],
    ids=str,
)
def test_both_refuse(name: str, value: Any) -> None:
    assert not takes(schema_of(name), value, DOCUMENT)
    assert not is_taken(WITH_BODY[name], value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (ARCHIVE, {"summary": "x", "resolution_time_seconds": 14821.0}),
        (ARCHIVE, {"summary": "x", "resolution_time_seconds": 2_000_000_000}),
        (METRICS, {"feed_text": ""}),
        (METRICS, [{"satisfaction_score": 0}] * 100),
        (TURNS, {"captured_at": "2000-01-01T00:00:00Z", "speaker": "tool", "text": ""}),
    ],
    ids=str,
)
def test_both_take(name: str, value: Any) -> None:
    assert takes(schema_of(name), value, DOCUMENT)
    assert is_taken(WITH_BODY[name], value)


TELLS_LESS: list[tuple[str, Any]] = [  # what JSON Schema cannot express, and the description says
    (ASK, {"tool_name": "x", "arguments": {"text": "a\0b"}}),
    (REPORT, {"execution_id": ID, "succeeded": True, "result": ["\0"]}),
]
TAKES_MORE: list[tuple[str, Any]] = [  # what clients have always sent in other forms
    (METRICS, {"sentiment": "good", "captured_at": "2024-05-01 10:00Z"}),
    (METRICS, {"sentiment": "good", "captured_at": "2024-05-01T10:00:00+0200"}),
    (REPORT, {"execution_id": ID.replace("-", ""), "succeeded": True}),
]


@pytest.mark.parametrize(("name", "value"), TELLS_LESS, ids=str)
def test_what_the_document_cannot_say(name: str, value: Any) -> None:
    assert takes(schema_of(name), value, DOCUMENT)
    assert not is_taken(WITH_BODY[name], value)


@pytest.mark.parametrize(("name", "value"), TAKES_MORE, ids=str)
def test_what_the_server_also_takes(name: str, value: Any) -> None:
    assert not takes(schema_of(name), value, DOCUMENT)
    assert is_taken(WITH_BODY[name], value)


def test_an_idempotency_key_is_documented_as_it_is_checked() -> None:
    for code in range(256):
        for key in (f"a{chr(code)}b", chr(code)):
            sent = key.strip(" \t")
            checked = 0 < len(sent) <= 255 and sent.isprintable()
            if sent == key:  # blanks around a header's value never arrive
                assert takes(IDEMPOTENCY_KEY, key, DOCUMENT) == checked, hex(code)
    assert takes(IDEMPOTENCY_KEY, "k" * 255, DOCUMENT)
    assert not takes(IDEMPOTENCY_KEY, "k" * 256, DOCUMENT)
    assert not takes(IDEMPOTENCY_KEY, "", DOCUMENT)


def test_refusals_are_told_apart() -> None:
    for name in WITH_BODY:
        answers = operation(name)["responses"]
        keyed = any(one["name"] == "Idempotency-Key" for one in operation(name)["parameters"])
        assert ("another request" in answers["422"]["description"]) == keyed
        assert ("Idempotent-Replayed" in str(answers)) == keyed
        assert "Retry-After" in answers["429"]["headers"]
    start = operation(START)["responses"]
    assert "channel of the agent" in start["422"]["description"]
    assert re.search("paused.*active.*external_id", start["409"]["description"])
