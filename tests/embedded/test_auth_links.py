"""Links of the embedded Auth service: in the log and the outbox, at most one per minute, for an hour, for one use."""

import asyncio
import hashlib
import json
import re
import secrets
import stat
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from server.embedded.keys import Keys
from server.settings import Settings
from tests.app_server import DEADLINE, AppServer
from tests.embedded.conftest import Mounted

SITE = "http://floorwalker.example"
PASSWORD = "a-password-of-theirs"


async def somebody(mounted: Mounted, **attributes: Any) -> dict[str, Any]:
    body = {"email": f"{secrets.token_hex(6)}@example.com", "password": PASSWORD, "email_confirm": True}
    reply = await mounted.post("/admin/users", body | attributes, secret=True)
    assert reply.status_code == 200, reply.text
    user: dict[str, Any] = reply.json()
    return user


async def earlier(mounted: Mounted, user_id: str, seconds: int) -> None:
    """Let everything that was sent to a person have been sent that much earlier."""
    async with mounted.owner() as owner:
        await owner.execute(
            """
            update auth.users set recovery_sent_at = recovery_sent_at - make_interval(secs => $2),
              confirmation_sent_at = confirmation_sent_at - make_interval(secs => $2) where id = $1
            """,
            user_id,
            float(seconds),
        )


def said(reply: httpx.Response) -> tuple[int, str | None]:
    return reply.status_code, reply.headers.get("x-sb-error-code")


def link_in(mail: EmailMessage) -> str:
    """The link stands alone on a line of its own, whole."""
    [link] = [line for line in str(mail.get_content()).splitlines() if line.startswith("http")]
    return link


def token_in(mail: EmailMessage) -> str:
    [token_hash] = parse_qs(urlsplit(link_in(mail)).query)["token_hash"]
    return token_hash


async def test_a_recovery_is_mailed_to_the_log_and_the_outbox(mounted: Mounted) -> None:
    user = await somebody(mounted)
    client = mounted.client()
    with capture_logs() as logs:
        await client.reset_password_for_email(user["email"], {"redirect_to": "https://evil.example.net"})
    [sent] = [entry for entry in logs if entry["event"] == "mail_sent"]
    assert (sent["kind"], sent["to"]) == ("recovery", user["email"])
    [mail] = [mail for mail in mounted.mails() if mail["To"] == user["email"]]
    assert mail.get_content_type() == "text/plain"
    assert mail["Subject"] == "Choose a new password for Floorwalker"
    assert mail["From"] == "Floorwalker <floorwalker@floorwalker.example>"
    assert mail["Message-ID"].endswith("@floorwalker.example>")
    assert abs(parsedate_to_datetime(mail["Date"]).timestamp() - mounted.outbox.stat().st_mtime) < 60
    link = link_in(mail)
    assert link == sent["link"]
    address = urlsplit(link)
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{SITE}/recovery"
    reply = await client.verify_otp({"type": "recovery", "token_hash": token_in(mail)})
    assert reply.user is not None
    assert reply.user.id == user["id"]


async def test_links_of_a_running_server_lead_to_it(app_server: AppServer) -> None:
    person, keys = await app_server.hire("voice"), Keys.load_or_create(app_server.home)
    async with httpx.AsyncClient(headers={"apikey": keys.publishable}, timeout=DEADLINE) as http:
        reply = await http.post(f"{app_server.url}/auth/v1/recover", json={"email": person.email})
    assert (reply.status_code, reply.json()) == (200, {})
    [line] = [line for line in app_server.log.read_text().splitlines() if person.email in line]
    sent = json.loads(line)
    assert sent["event"] == "mail_sent"
    assert sent["link"].startswith(f"{app_server.url}/recovery?token_hash=")
    kept = app_server.home / "outbox" / Path(sent["file"]).name
    assert sent["link"] in kept.read_text()


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "::1", "port": 9000}, "http://[::1]:9000"),
        ({"host": "0.0.0.0"}, "http://127.0.0.1:8000"),
        ({"host": "0.0.0.0", "public_url": "https://floor.example.org/"}, "https://floor.example.org"),
    ],
    ids=str,
)
def test_they_begin_with_the_address_that_people_use(given: dict[str, Any], address: str) -> None:
    assert Settings(**given).address == address


async def test_the_file_is_whole_private_and_in_order(mounted: Mounted) -> None:
    before = set(mounted.outbox.glob("*")) if mounted.outbox.exists() else set()
    people = [await somebody(mounted) for _ in range(3)]
    for user in people:
        await mounted.post("/recover", {"email": user["email"]})
    files = sorted(set(mounted.outbox.iterdir()) - before)
    assert [path.suffix for path in files] == [".eml"] * 3
    assert [mail["To"] for mail in mounted.mails()[-3:]] == [user["email"] for user in people]
    assert stat.S_IMODE(mounted.outbox.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    lines = files[0].read_bytes().split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    assert max(len(line) for line in lines) < 998
    assert any(line.startswith(f"{SITE}/recovery?token_hash=".encode()) for line in lines)


async def test_rows_are_those_of_the_real_server(mounted: Mounted) -> None:
    user = await somebody(mounted)
    await mounted.post("/recover", {"email": user["email"].upper()})
    token_hash = token_in(mounted.mails()[-1])
    async with mounted.owner() as owner:
        row = await owner.fetchrow(
            """
            select u.recovery_token, u.recovery_sent_at, t.token_type::text, t.token_hash, t.relates_to,
              abs(extract(epoch from t.created_at - (now() at time zone 'utc'))) as age
            from auth.one_time_tokens t join auth.users u on u.id = t.user_id where u.id = $1
            """,
            user["id"],
        )
        assert row is not None
        assert row["recovery_token"] == row["token_hash"] == token_hash
        assert (row["token_type"], row["relates_to"]) == ("recovery_token", user["email"])
        assert row["age"] < 60
        assert re.fullmatch(r"[0-9a-f]{56}", token_hash)
        await mounted.post("/verify", {"type": "recovery", "token_hash": token_hash})
        left = await owner.fetchrow(
            """
            select recovery_token, recovery_sent_at,
              (select count(*) from auth.one_time_tokens where user_id = $1) as tokens
            from auth.users where id = $1
            """,
            user["id"],
        )
        assert left is not None
        assert (left["recovery_token"], left["tokens"]) == ("", 0)
        assert left["recovery_sent_at"] == row["recovery_sent_at"]


async def test_nobody_gets_two_mails_within_a_minute(mounted: Mounted) -> None:
    user = await somebody(mounted)
    replies = await asyncio.gather(*(mounted.post("/recover", {"email": user["email"]}) for _ in range(5)))
    assert sorted(reply.status_code for reply in replies) == [200, 429, 429, 429, 429]
    assert len([mail for mail in mounted.mails() if mail["To"] == user["email"]]) == 1
    late = await mounted.post("/recover", {"email": user["email"]})
    assert said(late) == (429, "over_email_send_rate_limit")
    found = re.fullmatch(
        r"For security purposes, you can only request this after (\d+) seconds.", late.json()["msg"]
    )
    assert found is not None
    assert 50 < int(found.group(1)) < 60
    await earlier(mounted, user["id"], 60)
    assert (await mounted.post("/recover", {"email": user["email"]})).status_code == 200


async def test_whom_nobody_knows_gets_no_mail(mounted: Mounted) -> None:
    before = len(mounted.mails())
    for _ in range(2):
        reply = await mounted.post("/recover", {"email": f"{secrets.token_hex(6)}@example.com"})
        assert (reply.status_code, reply.json()) == (200, {})
    assert len(mounted.mails()) == before


@pytest.mark.parametrize(
    ("kind", "hours"), [("recovery", 1), ("magiclink", 1), ("invite", 24), ("signup", 24)]
)
async def test_a_link_ends_after_its_time(mounted: Mounted, kind: str, hours: int) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    if hours == 1:
        await somebody(mounted, email=email)
    body = {"type": kind, "email": email, "password": PASSWORD}
    for type_ in (kind, "email"):
        link = (await mounted.post("/admin/generate_link", body, secret=True)).json()
        await earlier(mounted, link["id"], hours * 3600 + 1)
        late = {"type": type_, "token_hash": link["hashed_token"]}
        assert said(await mounted.post("/verify", late)) == (403, "otp_expired")
        await earlier(mounted, link["id"], -60)
        if type_ == kind:
            assert (await mounted.post("/verify", late)).status_code == 200
            if hours == 24:  # it cannot be made a second time for somebody who is here
                return


async def test_two_who_follow_a_link_at_once_are_one(mounted: Mounted) -> None:
    user = await somebody(mounted)
    for _ in range(5):
        body = {"type": "recovery", "email": user["email"]}
        link = (await mounted.post("/admin/generate_link", body, secret=True)).json()
        redeem = {"type": "recovery", "token_hash": link["hashed_token"]}
        replies = await asyncio.gather(*(mounted.post("/verify", redeem) for _ in range(6)))
        assert sorted(reply.status_code for reply in replies) == [200, 403, 403, 403, 403, 403]


async def test_an_invitation_is_mailed_and_may_be_repeated(mounted: Mounted) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    admin = mounted.client(secret=True).admin
    with capture_logs() as logs:
        invited = (await admin.invite_user_by_email(email, {"data": {"name": "Ana"}})).user
        again = (await admin.invite_user_by_email(email)).user
    assert again.id == invited.id
    assert again.user_metadata == {"name": "Ana"}
    assert invited.invited_at is not None
    first, second = [mail for mail in mounted.mails() if mail["To"] == email]
    links = [link_in(mail) for mail in (first, second)]
    assert [entry["link"] for entry in logs if entry["event"] == "mail_sent"] == links
    assert all(link.startswith(f"{SITE}/invitation?token_hash=") for link in links)
    late = {"type": "invite", "token_hash": token_in(first)}
    assert said(await mounted.post("/verify", late)) == (403, "otp_expired")

    client = mounted.client()
    reply = await client.verify_otp({"type": "invite", "token_hash": token_in(second)})
    assert reply.session is not None
    await client.update_user({"password": PASSWORD})
    assert (await mounted.client().sign_in_with_password({"email": email, "password": PASSWORD})).session


async def test_a_mail_that_cannot_be_kept_leaves_no_token(mounted: Mounted) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    user = await somebody(mounted)
    aside = mounted.outbox.with_name("aside")
    if mounted.outbox.exists():
        mounted.outbox.rename(aside)
    mounted.outbox.write_text("A file is in the way.")
    try:
        with capture_logs() as logs:
            refused = await mounted.post("/recover", {"email": user["email"]})
            assert said(refused) == (500, "unexpected_failure")
            assert said(await mounted.post("/invite", {"email": email}, secret=True))[0] == 500
        assert [entry["event"] for entry in logs] == ["mail_not_sent", "mail_not_sent"]
        async with mounted.owner() as owner:
            row = await owner.fetchrow(
                "select recovery_token, recovery_sent_at from auth.users where id = $1", user["id"]
            )
            assert row is not None
            assert (row["recovery_token"], row["recovery_sent_at"]) == ("", None)
            assert not await owner.fetchval("select exists (select from auth.users where email = $1)", email)
    finally:
        mounted.outbox.unlink()
        if aside.exists():
            aside.rename(mounted.outbox)
    assert (await mounted.post("/recover", {"email": user["email"]})).status_code == 200


@pytest.mark.parametrize(
    ("kind", "page"), [("recovery", "recovery"), ("magiclink", "recovery"), ("invite", "invitation")]
)
async def test_a_link_that_was_handed_out_leads_to_our_page_and_is_not_used_up(
    mounted: Mounted, kind: str, page: str
) -> None:
    """A browser has no key, and mail scanners open links before people do."""
    email = f"{secrets.token_hex(6)}@example.com"
    if page == "recovery":
        await somebody(mounted, email=email)
    link = (await mounted.post("/admin/generate_link", {"type": kind, "email": email}, secret=True)).json()
    address = urlsplit(link["action_link"])
    assert link["action_link"].startswith(f"{SITE}/auth/v1/verify?")
    assert parse_qs(address.query) == {
        "token": [link["hashed_token"]],
        "type": [kind],
        "redirect_to": [SITE],
    }
    for _ in range(2):
        reply = await mounted.http.get(link["action_link"])
        assert reply.status_code == 303
        assert reply.headers["location"] == f"{SITE}/{page}?token_hash={link['hashed_token']}"
    body = {"type": kind, "token_hash": link["hashed_token"]}
    assert (await mounted.post("/verify", body)).status_code == 200


async def test_a_broken_link_leads_nowhere_else(mounted: Mounted) -> None:
    for query in ("", "?token=abc", "?type=recovery", "?type=of-a-kind&token=abc", "?type=email&token=abc"):
        assert said(await mounted.http.get(f"{mounted.url}/verify{query}")) == (400, "validation_failed")
    odd = await mounted.http.get(
        f"{mounted.url}/verify", params={"type": "recovery", "token": "a&b=//evil\r\nX: y"}
    )
    assert odd.headers["location"] == f"{SITE}/recovery?token_hash=a%26b%3D%2F%2Fevil%0D%0AX%3A%20y"
    assert "x" not in odd.headers


async def test_trading_a_token_needs_the_key(mounted: Mounted) -> None:
    body = {"type": "recovery", "token_hash": "00" * 28}
    assert (await mounted.http.post(f"{mounted.url}/verify", json=body)).status_code == 401


async def test_codes_are_too_many_to_be_tried(mounted: Mounted) -> None:
    """The hash is made of the address, which is known, and the code, so the code is the whole secret."""
    user = await somebody(mounted)
    codes = set()
    for _ in range(5):
        body = {"type": "recovery", "email": user["email"]}
        link = (await mounted.post("/admin/generate_link", body, secret=True)).json()
        assert re.fullmatch(r"\d{10}", link["email_otp"])
        made = hashlib.sha224((user["email"] + link["email_otp"]).encode()).hexdigest()
        assert made == link["hashed_token"]
        codes.add(link["email_otp"])
    assert len(codes) == 5


async def test_an_address_that_an_admin_changed_ends_what_was_sent_to_the_old_one(mounted: Mounted) -> None:
    user = await somebody(mounted)
    body = {"type": "recovery", "email": user["email"]}
    link = (await mounted.post("/admin/generate_link", body, secret=True)).json()
    path = f"{mounted.url}/admin/users/{user['id']}"
    other = f"{secrets.token_hex(6)}@example.com"
    changed = (
        await mounted.http.put(path, json={"email": other}, headers=mounted.headers(secret=True))
    ).json()
    assert (changed["email"], changed["identities"][0]["email"]) == (other, other)
    assert changed["identities"][0]["identity_data"]["email_verified"] is False
    late = {"type": "recovery", "token_hash": link["hashed_token"]}
    assert said(await mounted.post("/verify", late)) == (403, "otp_expired")
    assert (await mounted.post("/recover", {"email": other})).status_code == 200


async def test_a_change_of_address_has_the_rows_of_the_real_server_and_ends_after_its_time(
    mounted: Mounted,
) -> None:
    user, new = await somebody(mounted), f"{secrets.token_hex(6)}@example.com"
    body = {"email": user["email"], "new_email": new}
    links = {
        kind: (await mounted.post("/admin/generate_link", {"type": kind, **body}, secret=True)).json()
        for kind in ("email_change_current", "email_change_new")
    }
    async with mounted.owner() as owner:
        row = await owner.fetchrow("select * from auth.users where id = $1", user["id"])
        assert row is not None
        assert (row["email_change"], row["email_change_confirm_status"]) == (new, 0)
        tokens = await owner.fetch(
            """
            select token_type::text as kind, token_hash, relates_to from auth.one_time_tokens
            where user_id = $1 order by token_type::text
            """,
            user["id"],
        )
        assert [tuple(token) for token in tokens] == [
            ("email_change_token_current", links["email_change_current"]["hashed_token"], user["email"]),
            ("email_change_token_new", links["email_change_new"]["hashed_token"], new),
        ]
        assert [row[token["kind"]] for token in tokens] == [token["token_hash"] for token in tokens]
        made = hashlib.sha224((new + links["email_change_new"]["email_otp"]).encode()).hexdigest()
        assert made == links["email_change_new"]["hashed_token"]
        await owner.execute(
            "update auth.users set email_change_sent_at = now() - interval '24 hours 1 second' where id = $1",
            user["id"],
        )
    late = {"type": "email_change", "token_hash": links["email_change_new"]["hashed_token"]}
    assert said(await mounted.post("/verify", late)) == (403, "otp_expired")


async def test_a_link_for_another_new_address_ends_those_for_the_first(mounted: Mounted) -> None:
    user = await somebody(mounted)

    async def link(kind: str, new: str) -> dict[str, str]:
        body = {"type": kind, "email": user["email"], "new_email": new}
        made = (await mounted.post("/admin/generate_link", body, secret=True)).json()
        return {"type": "email_change", "token_hash": made["hashed_token"]}

    first, second = (f"{secrets.token_hex(6)}@example.com" for _ in range(2))
    agreed = await link("email_change_current", first)
    await link("email_change_new", second)
    assert said(await mounted.post("/verify", agreed)) == (403, "otp_expired")


async def test_to_ask_where_a_link_leads_confirms_nothing(mounted: Mounted) -> None:
    user = await somebody(mounted)
    body = {
        "type": "email_change_new",
        "email": user["email"],
        "new_email": f"{secrets.token_hex(6)}@example.com",
    }
    link = (await mounted.post("/admin/generate_link", body, secret=True)).json()
    assert (await mounted.http.head(link["action_link"])).status_code == 303
    redeem = {"type": "email_change", "token_hash": link["hashed_token"]}
    assert (await mounted.post("/verify", redeem)).status_code == 200
