"""The digest of arguments: RFC 8785 through the API, the digest of the text for requests stored by SQL."""

import hashlib
import html
import json
import re
import struct
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import rfc8785

from server.demo.client import digest_of
from server.kernel.http import json_digest
from tests.app_server import AppServer, Person, decision
from tests.database.acting import as_agent, as_owner, refused

# testdata/input and testdata/output of github.com/cyberphone/json-canonicalization, by the author of the RFC, and the
# example of its section 3.2.3.
VECTORS = {
    "arrays": (
        r'[ 56, { "d": true, "10": null, "1": [ ] } ]',
        '[56,{"1":[],"10":null,"d":true}]',
    ),
    "french": (
        (
            '{ "peach": "This sorting order", "péché": "is wrong according to French",'
            ' "pêche": "but canonicalization MUST", "sin":   "ignore locale" }'
        ),
        (
            '{"peach":"This sorting order","péché":"is wrong according to French",'
            '"pêche":"but canonicalization MUST","sin":"ignore locale"}'
        ),
    ),
    "structures": (
        r'{ "1": {"f": {"f": "hi","F": 5} ,"\n": 56.0}, "10": { }, "": "empty", "a": { }, "111": [ {"e": "yes","E": "no" } ], "A": { } }',
        r'{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}',
    ),
    "unicode": (
        r'{ "Unnormalized Unicode":"A\u030a" }',
        '{"Unnormalized Unicode":"A\u030a"}',
    ),
    "values": (
        r"""{ "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001], "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] }""",
        r"""{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}""",
    ),
    "weird": (
        (
            r'{ "\u20ac": "Euro Sign", "\r": "Carriage Return", "\u000a": "Newline", "1": "One", "\u0080": "Control\u007f",'
            r' "\ud83d\ude02": "Smiley", "\u00f6": "Latin Small Letter O With Diaeresis",'
            r' "\ufb33": "Hebrew Letter Dalet With Dagesh", "</script>": "Browser Challenge" }'
        ),
        (
            r'{"\n":"Newline","\r":"Carriage Return","1":"One","</script>":"Browser Challenge","'
            '\u0080":"Control\u007f","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","\U0001f602":"Smiley",'
            '"\ufb33":"Hebrew Letter Dalet With Dagesh"}'
        ),
    ),
}
# Appendix B of the RFC: 64-bit floats and what JSON says of them.
FLOATS = {
    "0000000000000000": "0", "8000000000000000": "0", "0000000000000001": "5e-324", "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308", "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992", "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000", "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23", "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000", "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21", "3eb0c6f7a0b5ed8c": "9.999999999999997e-7", "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332", "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333", "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343", "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}  # fmt: skip
# What an agent sends, and how the number stands in the canonical form; none where it is refused.
NUMBERS = {
    "0": "0", "-0": "0", "-0.0": "0", "0e9": "0", "7": "7", "-7": "-7", "10": "10", "10.0": "10", "1E1": "10", "0.1": "0.1",
    "0.10": "0.1", "1e-1": "0.1", "-0.5": "-0.5", "1e-6": "0.000001", "1e-7": "1e-7", "123456.789": "123456.789",
    "1e20": "100000000000000000000", "100000000000000000000": "100000000000000000000", "1e21": "1e+21",
    "1000000000000000000000": "1e+21", "9007199254740991": "9007199254740991", "9007199254740992": "9007199254740992",
    "-9007199254740992": "-9007199254740992", "9007199254740994": "9007199254740994", "5e-324": "5e-324",
    "1.7976931348623157e308": "1.7976931348623157e+308",
    "9007199254740993": None, "-9007199254740993": None, "1152921504606847000": None, "1E400": None, "-1e400": None,
    "1e-400": None, "0.1000000000000000055511151231257827": None, "3.14159265358979323846": None, "1" * 400: None,
}  # fmt: skip


def digest_of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("name", VECTORS)
def test_the_published_vectors(name: str) -> None:
    sent, canonical = VECTORS[name]
    assert rfc8785.dumps(json.loads(sent)).decode() == canonical
    assert json_digest(json.loads(sent)) == digest_of_text(canonical)


@pytest.mark.parametrize("bits", FLOATS)
def test_the_published_numbers(bits: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert json_digest([number]) == digest_of_text(f"[{FLOATS[bits]}]")
    if number.is_integer():
        assert json_digest([int(number)]) == digest_of_text(f"[{FLOATS[bits]}]")


@pytest.fixture(scope="module")
async def asking(app_server: AppServer) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A client, and where it asks for a tool that needs no permission."""
    agent = (await app_server.hire("voice")).agents[0]
    async with app_server.api(agent) as api:
        yield api, f"/interactions/{await app_server.start(agent)}/tool-permissions"


async def ask(asking: tuple[httpx.AsyncClient, str], arguments: str) -> httpx.Response:
    api, path = asking
    return await api.post(path, content=f'{{"tool_name": "check_order", "arguments": {arguments}}}')


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:25])
async def test_a_number_has_one_form_or_is_refused(
    asking: tuple[httpx.AsyncClient, str], number: str
) -> None:
    answer = await ask(asking, f'{{"order": {{"prices": [1, {number}]}}}}')
    canonical = NUMBERS[number]
    if canonical is None:
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(f"arguments.order.prices[1]: the number {number[:60]}")
        assert "64-bit float" in answer.json()["detail"]
    else:
        assert answer.status_code == 201, answer.text
        expected = digest_of_text(f'{{"order":{{"prices":[1,{canonical}]}}}}')
        assert answer.json()["arguments_digest"] == expected
        assert digest_of(answer.json()["arguments"]) == expected, "who reads them back computes the same"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"a": 1, "a": 2}', 'arguments: the key "a" appears twice'),
        ('{"a": [{"b": {"c": 1, "c": 1}}]}', 'arguments.a[0].b: the key "c" appears twice'),
        ('{"a": 1, "\\u0061": 2}', 'arguments: the key "a" appears twice'),
        ('{"a": ["x", "\\ud800"]}', "arguments.a[1]: a text has half of a surrogate pair"),
        ('{"a": {"\\udc00": 1}}', "arguments.a: a text has half of a surrogate pair"),
        ('{"a": {"b": "\\ud83d"}, "c": "\\ud83d\\ude02"}', "arguments.a.b: a text has half of a surrogate pair"),
        ('{"a": NaN}', "arguments.a"),
    ],
)  # fmt: skip
async def test_what_does_not_survive_is_refused_in_words_with_its_place(
    asking: tuple[httpx.AsyncClient, str], arguments: str, words: str
) -> None:
    answer = await ask(asking, arguments)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("depth", [150, 900, 3000])
async def test_however_deep_arguments_are_there_is_an_answer(
    asking: tuple[httpx.AsyncClient, str], depth: int
) -> None:
    answer = await ask(asking, '{"a": ' + "[" * depth + "]" * depth + "}")
    assert answer.status_code == (201 if depth == 150 else 422), answer.text
    assert answer.status_code == 201 or "nested too deeply" in answer.json()["detail"]


async def test_neither_order_nor_spaces_nor_escapes_change_it(
    asking: tuple[httpx.AsyncClient, str],
) -> None:
    alike = (
        '{"to": "Zoë", "amount": 10, "items": [{"b": 1, "a": 2}]}',
        '{"items":[{"a":2.0,"b":1}],"amount":1e1,"to":"Zo\\u00eb"}',
        '{\n "amount" : 10.0,\n "to" : "Zo\\u00EB", "items" : [ { "b" : 1, "a" : 2 } ] }',
    )
    found = [(await ask(asking, one)).json()["arguments_digest"] for one in alike]
    assert found == [digest_of_text('{"amount":10,"items":[{"a":2,"b":1}],"to":"Zoë"}')] * 3
    other = (await ask(asking, '{"to": "Zoe\u0308", "amount": 10, "items": [{"b": 1, "a": 2}]}')).json()
    assert other["arguments_digest"] != found[0], "text is not normalised"


async def test_an_agent_that_computed_it_before_claims_with_it(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    arguments = {"order": "W1", "amount": 12.50, "note": "ö"}
    computed = digest_of(arguments)
    asked = await app_server.ask(agent, await app_server.start(agent), arguments=arguments)
    assert asked["arguments_digest"] == computed
    async with app_server.browser_of(voice) as browser:
        path = f"/tool-permissions/{asked['id']}/decision"
        assert (await browser.post(path, data=decision(asked, "allowed"))).status_code in (200, 303)
    claim = f"/tool-permissions/{asked['id']}/execution"
    async with app_server.api(agent) as api:
        for others in ({**arguments, "amount": 125}, {**arguments, "more": None}, {}):
            refusal = await api.post(claim, json={"arguments_digest": digest_of(others)})
            assert refusal.status_code == 409
        assert (await api.post(claim, json={"arguments_digest": computed})).status_code == 201


async def test_a_row_that_sql_wrote_keeps_the_digest_of_its_text(
    app_server: AppServer, voice: Person
) -> None:
    live = await app_server.start(voice.agents[0])
    text = '{"b": 1.50,  "a": "ö"}'
    async with app_server.database() as owner:
        await owner.execute("set role service_role")
        stored = await owner.fetchrow(
            f"""insert into tool_permissions (interaction_id, tool_name, arguments)
            values ($1, 'check_order', '{text}') returning id, arguments_digest""",
            UUID(live),
        )
    assert stored is not None
    assert stored["arguments_digest"] == digest_of_text(text)
    async with app_server.api(voice.agents[0]) as api:
        read = (await api.get(f"/tool-permissions/{stored['id']}")).json()
        assert read["arguments_digest"] == stored["arguments_digest"]
        claim = {"arguments_digest": read["arguments_digest"]}
        claimed = await api.post(f"/tool-permissions/{stored['id']}/execution", json=claim)
        assert claimed.status_code == 201


INSERT = """insert into tool_permissions (interaction_id, tool_name, arguments, arguments_digest)
values ($1, 'issue_refund', '{"amount": 1}', $2) returning arguments_digest"""
OTHERS = digest_of_text('{"amount":1000}')


async def test_nobody_but_the_api_gives_a_digest(app_server: AppServer, voice: Person) -> None:
    live = UUID(await app_server.start(voice.agents[0]))
    async with as_owner(app_server) as owner:
        assert await owner.fetchval(INSERT, live, OTHERS) == digest_of_text('{"amount": 1}')
        await owner.execute("set local role service_role")
        async with refused(owner, "42501"):
            await owner.execute(INSERT, live, OTHERS)
    async with as_agent(app_server, voice.agents[0]) as agent:
        for wrong in ("", "x", OTHERS.upper(), OTHERS + "0", OTHERS[:63], f"{OTHERS}\n"):
            async with refused(agent, "FW422"):
                await agent.execute(INSERT, live, wrong)
        assert await agent.fetchval(INSERT, live, OTHERS) == OTHERS


async def test_the_example_of_the_reference_is_right(app_server: AppServer) -> None:
    async with httpx.AsyncClient() as http:
        page = (await http.get(f"{app_server.url}/api")).text
    example: dict[str, Any] = {
        name: html.unescape(text)
        for name, text in re.findall(r'<code data-digest="(\w+)">(.*?)</code>', page, re.DOTALL)
    }
    arguments = json.loads(example["arguments"])
    assert rfc8785.dumps(arguments).decode() == example["canonical"]
    assert json_digest(arguments) == digest_of_text(example["canonical"]) == example["digest"]
