"""A form is UTF-8 or refused, so that a client does not choose the codec that reads it."""

import asyncio
import encodings.aliases
import re
from collections.abc import AsyncIterator, Iterable

import httpx
import pytest

from server.embedded.keys import Keys
from tests.app_server import AppServer, Person
from tests.conftest import ROOT

SERVER = ROOT / "server"
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=limit"
# Every name with a codec in Python, some that have one on other systems only, and some without.
CODECS = sorted(
    {
        *encodings.aliases.aliases,
        *encodings.aliases.aliases.values(),
        *("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "charmap"),
        *(
            "utf_8_sig",
            "utf-8-sig",
            "zlib_codec",
            "base64_codec",
            "rot13",
            "latin-1",
            "UTF-16",
            "UTF-7",
            "none",
        ),
    }
)
UTF8 = {"utf-8", "utf8"}
DANGEROUS = ("punycode", "idna", "unicode_escape", "undefined", "zlib_codec", "utf-16", "latin-1", "no-codec")
FORMS = (
    "/login",
    "/recovery",
    "/tool-permissions/x/decision",
    "/agents/x/pause",
    "/account/name",
    "/account/password",
)
ADDRESSES = (*FORMS, "/logout", "/account/sessions/end", "/nothing", "/", "/stream", "/static/css/base.css", "/healthz", "/auth/v1/token", "/auth/v1/nothing", "/api/v1/interactions", "/api/v1/nothing")  # fmt: skip


def parts(*given: tuple[str, bytes], end: bytes = b"--limit--\r\n") -> bytes:
    """A multipart body of (what follows `Content-Disposition: `, value)."""
    heads = [f"--limit\r\nContent-Disposition: {head}\r\n\r\n".encode() for head, _ in given]
    return b"".join(head + value + b"\r\n" for head, (_, value) in zip(heads, given, strict=True)) + end


def fields(**given: str) -> bytes:
    return parts(*((f'form-data; name="{name}"', value.encode()) for name, value in given.items()))


BODIES = {URLENCODED: b"email=a&password=b", MULTIPART: fields(email="a", password="b")}


@pytest.fixture
async def outsider(app_server: AppServer) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which nobody is signed in."""
    async with httpx.AsyncClient(base_url=app_server.url, timeout=120) as client:
        yield client


@pytest.fixture
async def browser(app_server: AppServer, voice: Person) -> AsyncIterator[httpx.AsyncClient]:
    async with app_server.browser_of(voice) as client:
        client.timeout = httpx.Timeout(120)
        yield client


async def post(client: httpx.AsyncClient, path: str, kind: str, body: bytes) -> httpx.Response:
    return await client.post(path, content=body, headers={"Content-Type": kind})


async def together(asked: Iterable[tuple[httpx.AsyncClient, str, str, bytes]]) -> list[httpx.Response]:
    """Ask all of it, some at a time."""
    free = asyncio.Semaphore(20)

    async def ask(client: httpx.AsyncClient, path: str, kind: str, body: bytes) -> httpx.Response:
        async with free:
            try:
                return await post(client, path, kind, body)
            except httpx.ReadError:  # the server closed a kept connection at this moment
                return await post(client, path, kind, body)

    return await asyncio.gather(*(ask(*one) for one in asked))


@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART])
async def test_a_form_that_names_any_codec_of_python_but_utf_8_is_refused(
    outsider: httpx.AsyncClient, kind: str
) -> None:
    answers = await together(
        (outsider, "/login", f"{kind}; charset={codec}", BODIES[kind]) for codec in CODECS
    )
    wrong = {codec: answer.status_code for codec, answer in zip(CODECS, answers, strict=True)}
    assert {codec for codec, status in wrong.items() if status != 415} == UTF8 & set(CODECS)
    assert {status for status in wrong.values() if status != 415} == {401}


async def test_so_is_a_part_that_names_one(outsider: httpx.AsyncClient) -> None:
    bodies = [
        parts(
            (f'form-data; name="email"\r\nContent-Type: text/plain; charset={codec}', b"a"),
            ('form-data; name="password"', b"b"),
        )
        for codec in CODECS
    ]
    answers = await together((outsider, "/login", MULTIPART, body) for body in bodies)
    wrong = {codec: answer.status_code for codec, answer in zip(CODECS, answers, strict=True)}
    assert {codec for codec, status in wrong.items() if status != 415} == UTF8 & set(CODECS)
    assert {status for status in wrong.values() if status != 415} == {401}


async def test_at_every_address_for_everybody(
    outsider: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    asked = [
        (client, path, f"{kind}; charset={codec}", BODIES[kind])
        for client in (outsider, browser)
        for path in ADDRESSES
        for kind in BODIES
        for codec in DANGEROUS
    ]
    answers = await together(asked)
    assert not [one[1:3] for one, answer in zip(asked, answers, strict=True) if answer.status_code != 415]


async def test_at_every_form_that_reads_parts(browser: httpx.AsyncClient) -> None:
    asked = [
        (
            browser,
            path,
            MULTIPART,
            parts((f'form-data; name="x"\r\ncontent-type: text/plain; charset={codec}', b"a")),
        )
        for path in FORMS
        for codec in DANGEROUS
    ]
    answers = await together(asked)
    assert not [one[1] for one, answer in zip(asked, answers, strict=True) if answer.status_code != 415]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_by_every_method(outsider: httpx.AsyncClient, method: str) -> None:
    kind = f"{URLENCODED}; charset=punycode"
    for path in ("/login", "/nothing"):
        assert (await outsider.request(method, path, headers={"Content-Type": kind})).status_code == 415


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("; charset=UTF-8", 401), (';CHARSET="utf-8"', 401), (" ; charset = utf8 ; x=y", 401), ("; charset=utf-8; charset=UTF8", 401),
        ("; charset*=utf-8''utf-8", 401), ('; x="; charset=punycode"', 401), ("; charset", 401), (";", 401),
        ("; charset=Punycode", 415), (';ChArSeT="punycode"', 415), (" ;\tcharset\t=\tpunycode\t;x=y", 415), (r'; charset="p\unycode"', 415),
        ("; charset=utf-8; charset=punycode", 415), ("; charset=punycode; charset=utf-8", 415), ("; charset=utf-8;charset*=''punycode", 415),
        ("; charset*=punycode", 415), ("; charset*=us-ascii'en'utf-8", 415), ("; charset*0=puny; charset*1=code", 415), ("; x*=punycode''y", 415),
        ("; charset=", 415), ('; charset="', 415), ('; charset=""', 415), ("; x; charset=punycode", 415), ('; x="y; charset=punycode', 415),
        ("; charset=utf-8\xa0x", 415), ("; charset='utf-8'", 415), ("; charset=utf-8, punycode", 415),
    ],
)  # fmt: skip
async def test_however_it_is_said(outsider: httpx.AsyncClient, said: str, status: int) -> None:
    for kind in (URLENCODED, "MULTIPART/Form-Data; boundary=limit"):
        body = BODIES[MULTIPART if "boundary" in kind else URLENCODED]
        headers = [(b"Content-Type", f"{kind}{said}".encode("latin-1"))]
        answer = await outsider.post("/login", content=body, headers=headers)
        assert answer.status_code == status, kind


async def test_said_in_a_second_header_it_is_refused_as_well(outsider: httpx.AsyncClient) -> None:
    for values in (
        (URLENCODED, f"{URLENCODED}; charset=punycode"),
        ("text/plain", f"{MULTIPART}; charset=idna"),
    ):
        headers = [("Content-Type", value) for value in values]
        assert (await outsider.post("/login", content=b"email=a", headers=headers)).status_code == 415


async def test_the_refusal_is_a_page_a_line_of_text_or_problem_details(outsider: httpx.AsyncClient) -> None:
    kind = {"Content-Type": f"{MULTIPART}; charset=punycode"}
    page = await outsider.post("/login", content=b"", headers=kind)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "A form is sent in UTF-8, and this one names another character set." in page.text
    assert "<h1>Unsupported media type</h1>" in page.text
    line = await outsider.post("/login", content=b"", headers={**kind, "HX-Request": "true"})
    assert line.headers["content-type"] == "text/plain; charset=utf-8"
    assert line.text == "A form is sent in UTF-8, and this one names another character set."
    problem = await outsider.post("/api/v1/interactions", content=b"", headers=kind)
    assert problem.headers["content-type"] == "application/problem+json"
    assert (problem.json()["status"], problem.json()["title"]) == (415, "Unsupported media type")


async def test_a_large_field_in_a_slow_codec_keeps_nobody_waiting(outsider: httpx.AsyncClient) -> None:
    slow = parts(('form-data; name="email"', b"a" * 125_000 + b"-" + b"9z" * 62_000))
    hostile = [post(outsider, "/login", f"{MULTIPART}; charset=punycode", slow) for _ in range(3)]
    *refused, healthy = await asyncio.gather(*hostile, outsider.get("/healthz"))
    assert [answer.status_code for answer in refused] == [415] * 3
    assert healthy.status_code == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (URLENCODED, b"email=%FF"), (URLENCODED, b"email=a&%ff=b"), (URLENCODED, b"email=\xff"), (URLENCODED, b"email=%C3"),
        (URLENCODED, b"email=J%F6rg"), (URLENCODED, b"email=%ED%A0%80"), (URLENCODED, b"email=%C0%AF"), (URLENCODED, "email=Jörg".encode("utf-16")),
        (URLENCODED, b"email=a&_charset_=punycode"), (URLENCODED, b"_charset_=utf-8&_charset_=windows-1252&_charset_=utf-8"),
        (MULTIPART, parts(('form-data; name="email"', b"\xff"))), (MULTIPART, parts(('form-data; name="email"', "Jörg".encode("latin-1")))),
        (MULTIPART, parts(('form-data; name="email"', b"\xed\xa0\x80"))), (MULTIPART, fields(email="a", _charset_="punycode")),
        (MULTIPART, fields(email="x").replace(b"email", b"\xff")), (MULTIPART, parts(("form-data; name=a; name*=punycode''email", b"a"))),
        (MULTIPART, parts(("form-data; name=email; filename*=punycode''x", b"a"))), (MULTIPART, parts(("form-data; name=a; charset=idna", b"a"))),
        (MULTIPART, parts(("form-data; name=a\r\nContent-Type: text/plain\r\nContent-Type: x; charset*=idna", b"a"))),
    ],
)  # fmt: skip
async def test_bytes_that_are_not_utf_8_become_no_other_characters(
    outsider: httpx.AsyncClient, kind: str, body: bytes
) -> None:
    answer = await post(outsider, "/login", kind, body)
    assert answer.status_code == 415
    assert "A form is sent in UTF-8" in answer.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", fields(email="a")), ("multipart/form-data; boundary=", fields(email="a")), ("multipart/form-data; boundary=\xff", b"--limit--"),
        (f"multipart/form-data; boundary={'x' * 5000}", b""), (MULTIPART, b"nothing of this kind"), (MULTIPART, b""),
        (MULTIPART, parts(("form-data", b"a"))), (MULTIPART, parts(("", b"a"))), (MULTIPART, b"--limit\r\n\r\nx\r\n--limit--\r\n"),
        (MULTIPART, b"--limit\r\n\xff: x\r\n\r\nx\r\n--limit--"), (MULTIPART, b"--limit\r\nContent-Disposition"), (MULTIPART, parts(('form-data; name="email"', b"a"), end=b"")),
        (MULTIPART, parts(*[('form-data; name="email"', b"a")] * 201)), (MULTIPART, parts(('form-data; name="email"; filename="x"', b"a"))),
        (MULTIPART, b"--limit\r\n" + b"a: b\r\n" * 1000 + b"\r\n\r\n--limit--"), (MULTIPART, b"--limit\r\na: " + b"b" * 100_000 + b"\r\n\r\n\r\n--limit--"),
        (URLENCODED, b"&".join([b"a=b"] * 201)),
    ],
)  # fmt: skip
async def test_a_form_that_cannot_be_taken_apart_is_refused_in_a_sentence(
    outsider: httpx.AsyncClient, kind: str, body: bytes
) -> None:
    headers = [(b"Content-Type", kind.encode("latin-1")), (b"HX-Request", b"true")]
    answer = await outsider.post("/login", content=body, headers=headers)
    assert answer.status_code == 400
    assert " form " in answer.text


@pytest.mark.parametrize("name", ["Jörg Müßig", "Ольга 😀", "山田 太郎", "a&b=c;d%20+e"])
async def test_an_ordinary_form_is_read_in_both_encodings(
    app_server: AppServer, browser: httpx.AsyncClient, voice: Person, name: str
) -> None:
    async def now() -> str:
        async with app_server.database() as owner:
            kept: str = await owner.fetchval("select name from public.users where id = $1", voice.id)
        return kept

    sent = [
        {"data": {"name": name}},
        {"files": {"name": (None, name)}},
        {
            "content": fields(name=name, _charset_="UTF-8"),
            "headers": {"Content-Type": f"{MULTIPART}; charset=utf-8"},
        },
    ]
    if "&" not in name:  # as bytes, and not by percent signs
        sent.append({"content": f"name={name}".encode(), "headers": {"Content-Type": URLENCODED}})
    for number, one in enumerate(sent):
        await browser.post("/account/name", data={"name": f"Before {number}"})
        answer = await browser.post("/account/name", **one)  # type: ignore[arg-type]
        assert (answer.status_code, await now()) == (303, name), one


async def test_json_is_utf_8_whatever_it_is_called(
    app_server: AppServer, outsider: httpx.AsyncClient, voice: Person
) -> None:
    body = '{"interaction_type": "voice", "external_id": "Jörg"}'
    async with app_server.api(voice.agents[0]) as api:
        apikey = Keys.load_or_create(app_server.home).publishable
        for codec in ("punycode", "utf-16", "undefined", "zlib_codec", "latin-1"):
            kind = {"Content-Type": f"application/json; charset={codec}"}
            for encoded in (body.encode("utf-16"), body.encode("latin-1"), b"\xff"):
                answer = await api.post("/interactions", content=encoded, headers=kind)
                assert answer.status_code == 422, codec
                answer = await outsider.post(
                    "/auth/v1/token?grant_type=password", content=encoded, headers={**kind, "apikey": apikey}
                )
                assert (answer.status_code, answer.json()["error_code"]) == (400, "bad_json"), codec


def test_one_module_reads_forms() -> None:
    starlettes = re.compile(r"request\.form\(|MultiPartParser|FormParser\b")
    assert not [
        path for path in SERVER.rglob("*.py") if starlettes.search(path.read_text()) and path.stem != "forms"
    ]
