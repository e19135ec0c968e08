"""Makes people at the command line: an admin, the first of whom no other admin can invite, and a supervisor."""

import asyncio
import email
import email.policy
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import click

from server.cli.context import Context, fail, open_context
from server.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from server.kernel import db
from server.kernel.auth import WRONG_KEY, Administration
from server.kernel.db import migrations
from server.people import making, users
from server.people.users import Draft

_TIMEOUT = 30.0  # seconds, because the Auth server sends an invitation through its mail server meanwhile
T = TypeVar("T")
_A = {"admin": "an admin", "supervisor": "a supervisor"}
_KNOWN = """
select a.id, u.role, u.name, u.username, u.supervisor_type, a.raw_app_meta_data ->> 'app_role' as wanted,
  coalesce(u.deactivated_at is not null or u.banned_until > now(), false) as out, a.email_confirmed_at is null as waiting,
  (select f.reason from private.profile_faults f where f.user_id = a.id order by f.id desc limit 1) as fault
from auth.users a left join public.users u on u.id = a.id where lower(a.email) = lower($1) and not a.is_sso_user
"""
_BECAME = """
select u.role, null as reason from public.users u where u.id = $1
union all (select null, f.reason from private.profile_faults f where f.user_id = $1 order by f.id desc limit 1) limit 1
"""


@click.command("create-admin")
@click.option("--email", "address", help="The e-mail address to sign in with.")
@click.option("--name", help="The name that others see.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input: one line.")
@click.option("--invite", is_flag=True, help="Send an e-mail with a link to choose a password.")
def create_admin(address: str | None, name: str | None, *, password_stdin: bool, invite: bool) -> None:
    """Make an admin, by Supabase Auth's admin API. Asks for what no option gives.

    A hosted project needs SUPABASE_SECRET_KEY for it. When a step is refused, nothing was made.
    """
    if invite and password_stdin:
        fail("--invite lets the admin choose a password, and --password-stdin sets one: take one of the two")
    asks = sys.stdin.isatty()
    if password_stdin and asks:
        fail("--password-stdin reads a pipe, but standard input is a terminal: leave it out to be asked")
    if not asks:
        _complete(address, name, has_password=password_stdin or invite)
    with open_context("CRITICAL") as context:
        asyncio.run(_ready(context))
        draft = Draft(email=(address or click.prompt("E-mail")).strip(), kind="admin")
        draft.name = name.strip() if name else draft.email.partition("@")[0]
        _check(draft)
        asyncio.run(_refuse_known(context, draft.email))
        if not name and asks:
            draft.name = click.prompt("Name", default=draft.name).strip()
            _check(draft)
        password = None if invite else _password(piped=password_stdin)
        asyncio.run(make(context, draft, password))
        click.echo(_welcome(context, draft, invited=invite))


def _complete(address: str | None, name: str | None, *, has_password: bool) -> None:
    given = {"--email": address, "--name": name, "--password-stdin or --invite": has_password}
    if missing := [flag for flag, value in given.items() if not value]:
        fail(f"there is no terminal to ask on: give {', '.join(missing)}")


@click.command("create-supervisor")
@click.option("--email", "address", required=True, help="The e-mail address to sign in with.")
@click.option("--username", required=True, help="The name on cards and on the leaderboard.")
@click.option(
    "--type", "kind", required=True, type=click.Choice(["voice", "chat"]), help="The channel of their agents."
)
@click.option("--name", help="The full name; without it, the username.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input: one line.")
@click.option("--invite", is_flag=True, help="Send an e-mail with a link to choose a password.")
def create_supervisor(
    address: str, username: str, kind: str, name: str | None, *, password_stdin: bool, invite: bool
) -> None:
    """Make a supervisor, by Supabase Auth's admin API, and print their id.

    A hosted project needs SUPABASE_SECRET_KEY for it. When a step is refused, nothing was made.
    """
    if invite == password_stdin:
        fail(
            "--invite lets the supervisor choose a password, and --password-stdin sets one: take one of the two"
        )
    with open_context("CRITICAL") as context:
        asyncio.run(_ready(context))
        draft = Draft(address.strip(), (name or username).strip(), kind, username.strip())
        _check(draft)
        asyncio.run(_refuse_taken(context, draft))
        password = None if invite else _password(piped=True)
        click.echo(asyncio.run(make(context, draft, password)))


async def _refuse_taken(context: Context, draft: Draft) -> None:
    async with db.as_owner(context.owner_url) as owner:
        await users.taken(owner, draft)
    for fault in draft.faults.values():
        if fault:
            raise Conflict(fault)


def _check(draft: Draft) -> None:
    draft.check()
    for fault in draft.faults.values():
        if fault:
            raise Invalid(fault)


def _password(*, piped: bool) -> str:
    if not piped:
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt="Repeat the password")
        return password
    try:
        lines = sys.stdin.buffer.read().decode().splitlines()
    except UnicodeDecodeError:
        raise Invalid("the password on standard input is not UTF-8 text") from None
    if len(lines) != 1 or not lines[0]:
        raise Invalid(f"the password must be one line of standard input, but it has {len(lines) or 'none'}")
    return lines[0]


def _welcome(context: Context, draft: Draft, *, invited: bool) -> str:
    settings = context.settings
    if not invited:
        return f"{draft.email} is an admin: sign in at {settings.address}"
    if context.home is not None:
        path, message = _sent_email(settings.floorwalker_home / "outbox", draft.email)
        body = message.get_body()
        link = re.search(r"https?://\S+", body.get_content() if body else "")
        return (
            f"{draft.email} is invited as an admin. No e-mail leaves this machine: the link is\n"
            f"{link[0] if link else ''}\nand the e-mail {path}"
        )
    return (
        f"{draft.email} is invited as an admin, and signs in with the link of the e-mail. If no e-mail arrives: Supabase's mail "
        "server sends to members of your organisation only, a few per hour, until the project has its own SMTP server"
    )


def _sent_email(outbox: Path, address: str) -> tuple[Path, EmailMessage]:
    """The newest e-mail to this address; a server on this machine may write others."""
    for path in sorted(outbox.glob("*.eml"), reverse=True):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if str(message["To"]).lower() == address.lower():
            return path, message
    raise Unavailable(f"the e-mail to {address} is not in {outbox}")


async def _ready(context: Context) -> None:
    """Raise an error if no admin can be made, before the user is asked for anything."""
    if context.settings.supabase_secret_key is None:
        raise Invalid(
            "SUPABASE_SECRET_KEY is not set, and admins are made with it: copy it from the project's Settings → API Keys"
        )
    await context.reach_owner()
    try:
        async with db.as_owner(context.owner_url) as owner:
            has_schema = await migrations.has_triggers(owner)
            if has_schema:
                await owner.fetchrow(_KNOWN, "")
    except Forbidden:
        raise Forbidden(
            f"{context.owner_setting} signs in as a role that may not read people: set DATABASE_OWNER_URL to the project's "
            "postgres role"
        ) from None
    if not has_schema:
        raise Unavailable(
            f"the database ({db.where(context.owner_url)}) has no schema yet, or not all of it: run `floorwalker migrate`"
        )
    async with _administration(context) as administration:
        with suppress(NotFound, Invalid):  # there is no such person, but the key was accepted
            await _asked(context, administration.find(uuid4()))


async def _refuse_known(context: Context, address: str) -> None:
    """Raise Conflict, with what to do, when there is a login with this address."""
    async with db.as_owner(context.owner_url) as owner:
        known = await owner.fetchrow(_KNOWN, address)
    if known is None:
        return
    if known["role"] == "supervisor":
        raise Conflict(
            f"{address} is {known['name']} ({known['username']}), a {known['supervisor_type']} supervisor, and a role "
            "cannot be changed: take another address for the admin"
        )
    if known["role"] == "admin" and known["out"]:
        raise Conflict(
            f"{address} is {known['name']}, an admin who is deactivated: let another admin reactivate them on the "
            "people page, or take another address"
        )
    if known["role"] == "admin":
        state = "is invited already and has not signed in yet" if known["waiting"] else "is an admin already"
        raise Conflict(
            f"{address} ({known['name']}) {state}, and nothing was changed: set a new password at "
            f"{context.settings.address}/recovery"
        )
    reason = f" ({known['fault']})" if known["wanted"] and known["fault"] else ""
    raise Conflict(
        f"{address} has a login without a role here{reason}: take another address, or make it an admin with `floorwalker "
        "psql -c \"update auth.users set raw_app_meta_data = coalesce(raw_app_meta_data, '{}') || "
        f'\'{{\\"app_role\\": \\"admin\\"}}\' where id = \'{known["id"]}\'"`'
    )


async def make(context: Context, draft: Draft, password: str | None) -> UUID:
    """Make the person like a page does, checking as the database's owner; return their id."""
    async with _administration(context) as administration:
        logins = _Logins(context, administration)
        login = logins.invite(draft) if password is None else logins.create(draft, password)
        return await making.make(
            logins,
            draft,
            login,
            is_here=partial(_is_here, context),
            became=partial(_became, context, draft),
        )


@dataclass(frozen=True, slots=True)
class _Logins:
    """The Auth server. Its failures become errors that say what to do."""

    context: Context
    administration: Administration

    async def invite(self, draft: Draft) -> UUID:
        return await self._new(draft, self.administration.invite(draft.email, draft.name))

    async def create(self, draft: Draft, password: str) -> UUID:
        return await self._new(draft, self.administration.create(draft.email, {}, draft.name, password))

    async def _new(self, draft: Draft, made: Awaitable[UUID]) -> UUID:
        try:
            return await _asked(self.context, made)
        except Conflict:
            if draft.kind == "admin":
                await _refuse_known(self.context, draft.email)
            raise

    async def change(self, person: UUID, app_metadata: Mapping[str, str], name: str) -> None:
        await _asked(self.context, self.administration.change(person, app_metadata, name))

    async def delete(self, person: UUID) -> None:
        await self.administration.delete(person)


async def _is_here(context: Context, person: UUID) -> None:
    async with db.as_owner(context.owner_url) as owner:
        here = await owner.fetchval("select exists (select from auth.users where id = $1)", person)
    if not here:
        raise Conflict(
            f"SUPABASE_URL ({context.settings.supabase_url}) and the database ({db.where(context.owner_url)}) are of two "
            "projects: set both to the same project, and run `floorwalker doctor`"
        )


async def _became(context: Context, draft: Draft, person: UUID) -> None:
    address, role = draft.email, draft.app_metadata["app_role"]
    async with db.as_owner(context.owner_url) as owner:
        found = await owner.fetchrow(_BECAME, person)
    if found is None:
        raise Conflict(
            f"{address} could not become {_A[role]}, and no reason was recorded: run `floorwalker doctor`"
        )
    if found["role"] != role:
        raise Conflict(f"{address} could not become {_A[role]}: {found['reason']}")


@asynccontextmanager
async def _administration(context: Context) -> AsyncIterator[Administration]:
    settings = context.settings
    assert settings.supabase_secret_key is not None
    secret = settings.supabase_secret_key.get_secret_value()
    async with context.auth_http(_TIMEOUT) as http:
        yield Administration(http, url=settings.auth_url, secret=secret)


async def _asked(context: Context, asked: Awaitable[T]) -> T:
    """The answer of the Auth server. Unavailable, with what to do, when there is none."""
    try:
        return await asked
    except Unavailable as error:
        if error.detail == WRONG_KEY:
            raise
        why = str(error.__cause__ or "").split("\n")[0] or "no answer in time"
        if getattr(error.__cause__, "code", None):
            raise Unavailable(
                f"the Auth server failed ({why}): its log, in the dashboard, says more"
            ) from error
        raise Unavailable(
            f"the Auth server at {context.settings.supabase_url} does not answer, or not as Supabase Auth does ({why}): "
            "check SUPABASE_URL, run `floorwalker doctor`"
        ) from error
