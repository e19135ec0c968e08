"""JSON that readers understand differently is refused; other JSON is not."""

import json
import math
import random

import pytest

from server.errors import Invalid
from server.kernel.http import exact_json

NUMBERS = [
    "0", "-0", "0.0", "-0.0e9", "0e999", "0.1", "10.0", "1.50", "12345678901234.5", "1e5", "1E-7", "1e23", "5e-324",
    "1.7976931348623157e308", "9007199254740992", "-9007199254740992", "9007199254740994", "1152921504606846976",
    "0.10000000000000000", "100000000000000000000.0",
]  # fmt: skip
CHANGED = [
    "9007199254740993", "-9007199254740993", "1152921504606847000", "1e400", "-1e400", "1e-400", "0.00001e-330",
    "0.1000000000000000055511151231257827", "3.14159265358979323846", "1234567890.123456789", "9" * 400, "9" * 5000,
    "0." + "1" * 5000, "1e99999999999999999999", "1e-99999999999999999999", "0.12345678901234567e-310",
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_a_float_keeps_passes(number: str) -> None:
    exact_json.check(f'{{"n": [{number}]}}'.encode())


@pytest.mark.parametrize("number", CHANGED, ids=lambda number: number[:25])
def test_a_number_that_a_float_changes_is_refused(number: str) -> None:
    with pytest.raises(Invalid, match="64-bit float") as refusal:
        exact_json.check(f'{{"n": [{number}]}}'.encode())
    assert number[:60] in refusal.value.detail
    assert len(refusal.value.detail) < 200


def test_what_python_writes_of_any_float_passes() -> None:
    generator = random.Random(1)
    for _ in range(2000):
        number = generator.uniform(-1, 1) * 10.0 ** generator.randint(-300, 300)
        exact_json.check(json.dumps({"n": number, "rounded": round(math.fmod(number, 1e6), 2)}).encode())


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": 1, "b": 2, "a": 1}', '"a"'),
        ('{"x": [{"y": {"amount": 1, "amount": 2}}]}', '"amount"'),
        ('{"a": 1, "\\u0061": 2}', '"a"'),
        ('{"": 1, "": 2}', '""'),
        ('{"' + "k" * 500 + '": 1, "' + "k" * 500 + '": 2}', "kkk…"),
    ],
)
def test_a_key_that_stands_twice_is_named(text: str, key: str) -> None:
    with pytest.raises(Invalid, match="appears twice") as refusal:
        exact_json.check(text.encode())
    assert key in refusal.value.detail
    assert len(refusal.value.detail) < 200


def test_one_key_in_two_objects_passes() -> None:
    exact_json.check(b'{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}], "A": 1}')


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '"x\\uDFFFx"', '{"\\udc00\\ud800": 1}', '["\\ud83d", "\\ude00"]']
)
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="surrogate"):
        exact_json.check(text.encode())


@pytest.mark.parametrize("text", ['"\\ud83d\\ude00"', '"\\\\ud800"', '"\\u00e9 👋"'])
def test_a_whole_pair_and_what_only_looks_like_half_of_one_pass(text: str) -> None:
    exact_json.check(text.encode())


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"{} {}", b'"\xed\xa0\x80"', '{"a": 1}'.encode("utf-16")]
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid, match="not JSON"):
        exact_json.check(raw)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("{}", 0),
        ('{"b": {"a": 1}}', 0),
        ('{"a": {} }', 2),
        (' \n{ "x" : [1, {"a": 2}] , "a" :\t{ "é": 1 }\r\n, "y": "}" } ', 11),
        ('{"\\u0061":"\\u0061"}', 8),
    ],
)
def test_a_value_is_as_large_as_it_was_sent(text: str, size: int) -> None:
    assert exact_json.size_of(text.encode(), "a") == size
