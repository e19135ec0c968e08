"""Whatever is sent as a caller's number: what is stored, what is shown, and which parts use it as a number."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from server.interactions import phone_numbers
from server.kernel.http.filters import mask_phone
from tests.app_server import AppServer, Person
from tests.conftest import until
from tests.database.acting import as_owner, as_person

US, GB, DE, FR, IT, RU = (
    "+18505550100", "+442079460100", "+4930901820100", "+33199000100", "+390699000100", "+74951234500",
)  # fmt: skip
UNKNOWN = "number unknown"
# What was sent, the number that was called, the number in E.164, the text that is kept, and what a card shows.
SHAPES: list[tuple[str, str | None, str | None, str | None, str]] = [
    ("+18505550155", None, "+18505550155", None, "+1 850 ··· 0155"),
    ("+1 (850) 555-0155", None, "+18505550155", None, "+1 850 ··· 0155"),
    (" +1.850.555.0155\n", None, "+18505550155", None, "+1 850 ··· 0155"),
    ("+442071838750", None, "+442071838750", None, "+44 20 ··· 8750"),
    ("+44 (0)20 7183 8750", None, "+442071838750", None, "+44 20 ··· 8750"),
    ("+4932123456", None, "+4932123456", None, "+49 32 ··· 456"),
    ("+390612345678", None, "+390612345678", None, "+39 06 ··· 5678"),
    ("+6561234567", None, "+6561234567", None, "+65 61 ··· 567"),
    # withheld
    ("anonymous", None, None, "anonymous", "anonymous"),
    ("Anonymous", US, None, "Anonymous", "Anonymous"),
    ("Restricted", None, None, "Restricted", "Restricted"),
    ("unknown", US, None, "unknown", "unknown"),
    ("Private Number", US, None, "Private Number", "Private Number"),
    ("UNAVAILABLE", US, None, "UNAVAILABLE", "UNAVAILABLE"),
    ("", None, None, "", UNKNOWN),
    ("  ", US, None, "  ", UNKNOWN),
    ("-", US, None, "-", "-"),
    ("+", None, None, "+", "+"),
    ("0000000000", US, None, "0000000000", "00···00"),
    ("+10000000000", None, None, "+10000000000", "+10···00"),
    ("1234567890", US, None, "1234567890", "12···90"),
    # Twilio's
    ("+266696687", None, None, "+266696687", "+26···87"),
    ("+7378742833", None, None, "+7378742833", "+73···33"),
    ("+2562533", None, None, "+2562533", "+2···3"),
    ("+8656696", None, None, "+8656696", "+8···6"),
    ("+86282452253", None, None, "+86282452253", "+86···53"),
    ("client:ana", None, None, "client:ana", "client:ana"),
    ("whatsapp:+18505550155", None, "+18505550155", "whatsapp:+18505550155", "+1 850 ··· 0155"),
    # extensions and short codes
    ("1001", None, None, "1001", "1···1"),
    ("1001", US, None, "1001", "1···1"),
    ("1001", DE, None, "1001", "1···1"),
    ("22444", US, None, "22444", "2···4"),
    ("112", DE, None, "112", "···"),
    ("5550155", US, None, "5550155", "5···5"),
    ("*67 850 555 0155", US, None, "*67 850 555 0155", "*67 8···155"),
    ("Line 7", US, None, "Line 7", "Line 7"),
    ("+1 850 555 0155 ext. 7", None, "+18505550155", "+1 850 555 0155 ext. 7", "+1 850 ··· 0155"),
    ("(850) 555-0155 x12", US, "+18505550155", "(850) 555-0155 x12", "+1 850 ··· 0155"),
    ("tel:+18505550155;ext=7", None, "+18505550155", "tel:+18505550155;ext=7", "+1 850 ··· 0155"),
    ("+18505550155,,7#", None, "+18505550155", "+18505550155,,7#", "+1 850 ··· 0155"),
    ("tel:+1-850-555-0155", None, "+18505550155", None, "+1 850 ··· 0155"),
    # SIP
    ("sip:alice@example.com", US, None, "sip:alice@example.com", "sip:a···@example.com"),
    ("sip:1001@pbx.example", US, None, "sip:1001@pbx.example", "sip:1···@pbx.example"),
    ("sip:alice:secret@example.com:5060", None, None, "sip:alice:secret@example.com:5060", "sip:a···@example.com:5···0"),
    ('"Ana" <SIP:ana@example.com>', None, None, '"Ana" <SIP:ana@example.com>', "&#34;Ana&#34; &lt;SIP:a···@example.com&gt;"),
    ("sip:anonymous@anonymous.invalid", US, None, "sip:anonymous@anonymous.invalid", "sip:a···@anonymous.invalid"),
    ("sip:+18505550155@trunk.example;user=phone", None, "+18505550155", "sip:+18505550155@trunk.example;user=phone", "+1 850 ··· 0155"),
    ("sip:%2B18505550155@trunk.example", None, "+18505550155", "sip:%2B18505550155@trunk.example", "+1 850 ··· 0155"),
    ("ana@example.com", None, None, "ana@example.com", "a···@example.com"),
    # national forms
    ("850 555 0155", US, "+18505550155", None, "+1 850 ··· 0155"),
    ("1-850-555-0155", US, "+18505550155", None, "+1 850 ··· 0155"),
    ("850 555 0155", None, None, "850 555 0155", "85···55"),
    ("850 555 0155", "the shop", None, "850 555 0155", "85···55"),
    ("020 7183 8750", GB, "+442071838750", None, "+44 20 ··· 8750"),
    ("07700 900123", GB, "+447700900123", None, "+44 770 ··· 0123"),
    ("442071838750", GB, "+442071838750", None, "+44 20 ··· 8750"),
    ("030/90 18 20", DE, "+4930901820", None, "+49 30 ··· 820"),
    ("01 99 00 12 34", FR, "+33199001234", None, "+33 1 ··· 1234"),
    ("06 9900 1234", IT, "+390699001234", None, "+39 06 ··· 1234"),
    ("8 (495) 123-45-67", RU, "+74951234567", None, "+7 495 ··· 4567"),
    ("0044 20 7183 8750", None, "+442071838750", None, "+44 20 ··· 8750"),
    ("0044 20 7183 8750", US, "+442071838750", None, "+44 20 ··· 8750"),
    ("011 44 20 7183 8750", US, "+442071838750", None, "+44 20 ··· 8750"),
    # odd characters
    ("\uff0b\uff11\uff18\uff15\uff10\uff15\uff15\uff15\uff10\uff11\uff15\uff15", None, "+18505550155", None, "+1 850 ··· 0155"),
    ("+١٨٥٠٥٥٥٠١٥٥", None, "+18505550155", None, "+1 850 ··· 0155"),
    ("\u202a+1\u00a0850\u2011555\u20110155\u202c", None, "+18505550155", None, "+1 850 ··· 0155"),
    ("🙂📞", US, None, "🙂📞", "🙂📞"),
    ("1️⃣8️⃣5️⃣0️⃣", US, None, "1️⃣8️⃣5️⃣0️⃣", "1️⃣···0️⃣"),
    ("\u202eana", US, None, "\u202eana", '<span class="code-point">U+202E</span>ana'),
    ("<b>ana</b>", US, None, "<b>ana</b>", "&lt;b&gt;ana&lt;/b&gt;"),
    ("+1 850 555 0155 / +1 850 555 0156", None, None, "+1 850 555 0155 / +1 850 555 0156", "+1 85···156"),
    ("+185055501551234567", None, None, "+185055501551234567", "+185···567"),
    ("9" * 255, US, None, "9" * 255, "999···999"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "called", "number", "caller", "shown"), SHAPES)
def test_a_caller_is_read_and_masked(
    sent: str, called: str | None, number: str | None, caller: str | None, shown: str
) -> None:
    assert phone_numbers.read(sent, called) == (number, caller)
    assert mask_phone(number, caller) == shown


async def test_none_of_them_is_refused_and_each_is_kept(app_server: AppServer, voice: Person) -> None:
    async with app_server.api(voice.agents[0]) as api:
        for sent, called, number, caller, _ in SHAPES:
            start = {"interaction_type": "voice", "phone_number": sent, "called_number": called}
            made = await api.post("/interactions", json=start)
            assert made.status_code == 201, (sent, made.text)
            found = made.json()
            assert (found["phone_number"], found["caller"]) == (number, caller)
            one = f"/interactions/{found['id']}"
            assert (await api.patch(one, json={"phone_number": sent})).json() == found, (
                "read with what is known"
            )
            assert (await api.get(one)).json() == found
            await api.post(f"{one}/end", json={"status": "completed"})


@pytest.mark.parametrize("field", ["phone_number", "called_number"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('"' + "x" * 256 + '"', "expected 255 characters at most, and there are 256"),
        ('"+1850\\u00005550155"', "NUL"),
        ('"\\ud800"', "surrogate"),
        ("18505550155", "expected text, not a number"),
    ],
)
async def test_what_is_no_text_or_too_long_is_refused_in_words(
    app_server: AppServer, voice: Person, field: str, value: str, words: str
) -> None:
    live = await app_server.start(voice.agents[0])
    started = f'{{"interaction_type": "voice", "{field}": {value}}}'
    async with app_server.api(voice.agents[0]) as api:
        for answer in (
            await api.post("/interactions", content=started),
            await api.patch(f"/interactions/{live}", content=f'{{"{field}": {value}}}'),
        ):
            assert answer.status_code == 422
            assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("+1 (850) 555-0100", "+18505550100"),
        ("00442071838750", "+442071838750"),
        ("850 555 0100", "850 555 0100"),
        ("sales@example.com", "sales@example.com"),
        ("+18505550100;ext=2", "+18505550100;ext=2"),
        (None, None),
    ],
)
def test_the_called_number_is_kept_as_sent_where_it_cannot_be_read(
    sent: str | None, kept: str | None
) -> None:
    assert phone_numbers.read_called(sent) == kept


async def told(api: httpx.AsyncClient, interaction: str, **values: str | None) -> tuple[Any, ...]:
    answer = await api.patch(f"/interactions/{interaction}", json=values)
    assert answer.status_code == 200, answer.text
    return tuple(answer.json()[name] for name in ("phone_number", "caller", "called_number"))


async def test_what_becomes_known_later_is_read_with_what_was_known(
    app_server: AppServer, voice: Person
) -> None:
    live = await app_server.start(voice.agents[0], phone_number="020 7183 8750")
    async with app_server.api(voice.agents[0]) as api:
        assert await told(api, live, livekit_room_id="room") == (None, "020 7183 8750", None)
        assert await told(api, live, called_number=GB) == ("+442071838750", None, GB)
        assert await told(api, live, phone_number="020 7183 8751") == ("+442071838751", None, GB)
        assert await told(api, live, phone_number="anonymous") == (None, "anonymous", GB)
        assert await told(api, live, called_number="front desk") == (None, "anonymous", "front desk")
        assert await told(api, live, phone_number="(850) 555-0155", called_number=US) == (
            "+18505550155",
            None,
            US,
        )
        assert await told(api, live, called_number=None) == ("+18505550155", None, None)
        assert await told(api, live, phone_number=None) == (None, None, None)


@pytest.fixture
async def pages(app_server: AppServer, voice: Person) -> Callable[[], Any]:
    """What the floor and the wallboard show."""
    boss = await app_server.hire("admin")

    async def read() -> list[str]:
        found = []
        for person, path in ((voice, "/"), (boss, f"/?supervisor={voice.username}")):  # among many others
            async with app_server.browser_of(person) as browser:
                found.append((await browser.get(path)).text)
        return found

    return read


async def test_a_caller_without_a_number_is_on_the_floor_and_on_the_wallboard(
    app_server: AppServer, voice: Person, pages: Callable[[], Any]
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent, phone_number="sip:alice@example.com")
    asked = await app_server.ask(agent, live, arguments={"amount": 3})
    for shown in await pages():
        assert live in shown
        assert "sip:a···@example.com" in shown
        assert "alice" not in shown
    async with app_server.api(agent) as api:
        assert await told(api, live, phone_number="1001") == (None, "1001", None)

    async def renamed() -> bool:
        return all("1···1" in shown and "example.com" not in shown for shown in await pages())

    await until(renamed)  # an admin's first page may be a second old
    async with app_server.browser_of(voice) as browser:
        for path in (f"/interactions/{live}", f"/tool-permissions/{asked['id']}/standing-approval"):
            assert "1···1" in (await browser.get(path)).text


@pytest.mark.parametrize(
    "sent", ["anonymous", "", "1001", "sip:alice@example.com", "+266696687", "0000000000"]
)
async def test_two_callers_without_a_number_are_never_taken_for_one(
    app_server: AppServer, voice: Person, sent: str
) -> None:
    tags = {"topics": [], "issues": [{"tag": "refund", "status": "resolved"}]}
    archive = {"summary": "Done.", "tags": tags, "issues": [{"issue": "A refund", "status": "resolved"}]}
    found = []
    async with app_server.api(voice.agents[0]) as api:
        for _ in range(2):
            live = await app_server.start(voice.agents[0], phone_number=sent, called_number=US)
            done = await api.post(
                f"/interactions/{live}/end", json={"status": "completed", "archive": archive}
            )
            assert done.status_code == 200, done.text
            found.append(UUID(live))
    async with as_owner(app_server) as owner:
        await owner.execute(
            "select private.settle_fcr(phone_number, '-infinity', 'infinity') from interactions"
        )
        rows = await owner.fetch(
            "select fcr_status from interaction_archives where interaction_id = any ($1)", found
        )
        assert [row["fcr_status"] for row in rows] == [None, None], "nobody knows whether they came back"
    async with as_person(app_server, voice) as connection:
        for one in found:
            page = json.loads(
                await connection.fetchval(
                    "select private.interaction(jsonb_build_object('interaction_id', $1::uuid))::text", one
                )
            )
            assert page["broken_by"] is None


async def test_the_text_of_a_caller_is_found_by_a_part_of_it(app_server: AppServer, voice: Person) -> None:
    live = await app_server.start(voice.agents[0], phone_number="sip:front.desk@example.com")
    search = "select id::text from public.interactions where caller ilike '%t.desk@ex%'"
    async with as_owner(app_server) as owner:
        assert live in [row["id"] for row in await owner.fetch(search)]
        await owner.execute("set local enable_seqscan = off")
        plan = "\n".join(row[0] for row in await owner.fetch(f"explain {search}"))
        assert "interactions_caller_search" in plan
