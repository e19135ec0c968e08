"""People sign in through Supabase Auth, and a cookie holds the id of their session. Agents have keys.

A refused sign-in is answered at the end of a half second, so that an unknown address, a wrong password, a banned account and
one without a profile take the same time. An e-mail is sent after its request was answered.
"""

import asyncio
import datetime as dt
import json
import time
from dataclasses import astuple, dataclass
from uuid import UUID

import httpx
import structlog

from server.errors import Invalid, NotFound, Unauthorized, Unavailable
from server.kernel.auth import devices
from server.kernel.auth.callers import AgentCaller, Viewer
from server.kernel.auth.limits import Limits
from server.kernel.auth.passwords import (
    PasswordRefused,
    PasswordSet,
    check_password,
    name_fault,
)
from server.kernel.auth.secret_keys import SecretKeys, Unopened
from server.kernel.auth.supabase import USED, Link, Supabase, Tokens
from server.kernel.auth.tokens import Verifier, digest
from server.kernel.auth.web_sessions import Visitor, WebSessions
from server.kernel.db import Database, Record

_STEP = 0.5  # seconds; a refusal is answered at the end of one, whatever its reason
_EMAIL = 1.0  # seconds until a request for an e-mail is answered, also where none is sent
_SET = "Your new password is set, and you are signed out everywhere. Please sign in with it in a few seconds."
_SECOND_TRY = 900  # seconds in which a used link may still set a password


log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session of a person, as they may see it."""

    id: UUID
    user_agent: str
    address: str
    created_at: dt.datetime
    last_seen_at: dt.datetime
    here: bool


class Auth:
    """Sign-in and sign-out, passwords and links, and the owner of a cookie or a key."""

    def __init__(
        self,
        db: Database,
        http: httpx.AsyncClient,
        limits: Limits,
        *,
        url: str,
        apikey: str,
        secret_key: str,
        jwt_secret: str | None = None,
    ) -> None:
        self.db, self._limits = db, limits
        self.supabase = Supabase(http, url=url, apikey=apikey)
        verifier = Verifier(url, http, apikey, jwt_secret)
        self._keys = SecretKeys(secret_key)
        self.web_sessions = WebSessions(db, self.supabase, verifier, self._keys)
        self._emails: asyncio.Queue[tuple[str, asyncio.Future[None]]] = asyncio.Queue()

    async def viewer(self, cookie: str | None) -> Viewer | None:
        """The person of this cookie, with a valid token; None when it has no session, or one that has ended."""
        row = await self.web_sessions.find(cookie)
        return _viewer(row) if row is not None else None

    async def agent(self, key: str) -> AgentCaller:
        """The agent of a key. Unauthorized when the key is unknown or revoked, or its agent retired."""
        rows = await self.db.call("select * from private.agent_of_key($1)", digest(key))
        if not rows:
            raise Unauthorized("this agent key is unknown or revoked")
        return AgentCaller(rows[0]["agent_id"], rows[0]["key_id"], rows[0]["in_setup"])

    async def sign_in(self, email: str, password: str, visitor: Visitor) -> str:
        """Open a session; return the cookie's id. Unauthorized with the same words and after the same time for every reason."""
        began = time.monotonic()
        account = _account(email)
        try:
            async with self._limits.attempt(
                visitor.address, account, devices.known(self._keys, account, visitor.device)
            ):
                tokens = await self.supabase.sign_in(email, password)
                return await self._open(tokens, visitor)
        except Unauthorized:
            await asyncio.sleep((began - time.monotonic()) % _STEP)
            raise

    async def sign_out(self, cookie: str | None) -> None:
        """End the session here and at the Auth server. Its streams end too."""
        await self.web_sessions.close(cookie)

    async def sign_out_everywhere(self, cookie: str | None) -> None:
        """End all sessions of this person, here and at the Auth server."""
        await self.web_sessions.close_all(await self._session(cookie))

    async def sessions(self, viewer: Viewer) -> list[SignIn]:
        """The sessions of the viewer, the last seen first."""
        return [
            SignIn(
                id=row["id"],
                user_agent=row["user_agent"] or "",
                address=row["address"] or "",
                created_at=row["created_at"],
                last_seen_at=row["last_seen_at"],
                here=row["id"] == viewer.session_id,
            )
            for row in await self.web_sessions.of(viewer.id)
        ]

    async def close_session(self, viewer: Viewer, session_id: UUID) -> None:
        """End one session of the viewer. NotFound when it is another person's, or unknown."""
        await self.web_sessions.close_own(viewer.id, session_id)

    async def rename(self, cookie: str | None, name: str) -> None:
        """Give this person another name. Their row follows by trigger."""
        name = " ".join(name.split())
        if fault := name_fault(name):
            raise Invalid(fault)
        row = await self._session(cookie)
        await self.supabase.update(self.web_sessions.tokens(row), {"data": {"name": name}})

    async def change_password(self, cookie: str | None, current: str, new: str, visitor: Visitor) -> str:
        """Set a new password, end all sessions of this person, and return the id of a new one for this browser.

        The current password is proven by a sign-in whose session then stays, because a project may require a fresh session to
        change a password. Invalid when the current one is wrong or the new one is refused, TooMany like a sign-in,
        PasswordSet when it is set but no session can be opened.
        """
        row = await self._session(cookie)
        check_password(new)
        account = _account(row["email"])
        try:
            async with self._limits.attempt(
                visitor.address, account, devices.known(self._keys, account, visitor.device)
            ):
                tokens = await self.supabase.sign_in(row["email"], current)
        except Unauthorized as error:
            raise Invalid("The current password is wrong.") from error
        try:
            await self.supabase.update(tokens, {"password": new, "current_password": current})
        except BaseException:
            await self.supabase.log_out(tokens.access, "local")
            raise
        log.info("password_changed", user=str(row["user_id"]))
        try:
            await self.web_sessions.close_of(row["user_id"])
            return await self._open(tokens, visitor, alone=True)
        except Unavailable as error:
            raise PasswordSet(_SET, 5) from error

    async def request_recovery(self, email: str, visitor: Visitor) -> None:
        """Have a link sent to a person who forgot their password. Neither the answer nor its time tells whether there is one.

        TooMany for too many e-mails. Unavailable when the Auth server does not answer at all.
        """
        await self._limits.email(visitor.address, _account(email))
        sent = asyncio.get_running_loop().create_future()
        self._emails.put_nowait((email, sent))
        await asyncio.sleep(_EMAIL)
        if sent.done():
            sent.result()

    async def run(self) -> None:
        """Send the e-mails, while the process runs, so that no request waits for a mail server."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._send(*await self._emails.get()))

    async def _send(self, email: str, sent: "asyncio.Future[None]") -> None:
        try:
            await self.supabase.send_recovery(email)
            sent.set_result(None)
        except Unavailable as error:
            sent.set_exception(error)
            sent.exception()  # read here, because the request may have ended

    async def accept_link(self, token: str, kind: Link, password: str, visitor: Visitor) -> tuple[str, str]:
        """Set the password of a link's person; return the id of a new session, their only one, and their e-mail address.

        Opening the page of a link does not use it up, because mail scanners follow links; its form does. NotFound for a link that
        was used or has expired. Invalid for a password that is refused before the link is used, PasswordRefused when it is
        refused afterwards: its token then replaces the link. PasswordSet when it is set but no session can be opened.
        """
        check_password(password)
        tokens, unknown = self._second_try(token)
        if tokens is None:
            async with self._limits.attempt(visitor.address):
                tokens = await self.supabase.verify(token, kind)
        try:
            await self.supabase.update(tokens, {"password": password})
        except (Invalid, Unavailable) as error:
            # An earlier attempt may have set it and lost its answer; it is then refused as the old password.
            if not (unknown and isinstance(error, Invalid) and await self._works(tokens, password)):
                raise self._refused(tokens, error) from error
        except Unauthorized as error:
            raise NotFound(USED) from error
        log.info("link_accepted", kind=kind)
        try:
            await self.web_sessions.close_of(UUID(tokens.user))
            # The session of the link ends, and with it everything that was encrypted for a second try.
            await self.supabase.log_out(tokens.access, "local")
            fresh = await self.supabase.sign_in(tokens.email, password)
            return await self._open(fresh, visitor, alone=True), tokens.email
        except Unavailable as error:
            raise PasswordSet(_SET, 5) from error

    async def _works(self, tokens: Tokens, password: str) -> bool:
        """Whether this is the password now."""
        try:
            fresh = await self.supabase.sign_in(tokens.email, password)
        except (Unauthorized, Unavailable):
            return False
        await self.supabase.log_out(fresh.access, "local")
        return True

    def _refused(self, tokens: Tokens, error: Invalid | Unavailable) -> PasswordRefused:
        unknown = isinstance(error, Unavailable)
        again = self._keys.seal(json.dumps([astuple(tokens), unknown])).decode()
        known = (
            "It is not known whether your password is set." if unknown else "Your password is not set yet."
        )
        return PasswordRefused(f"{error.detail} {known}", again)

    def device_cookie(self, email: str, device: str | None = None) -> str:
        """The new value of the device cookie after this person has signed in (`devices.device_cookie`)."""
        return devices.device_cookie(self._keys, _account(email), device)

    def _second_try(self, token: str) -> tuple[Tokens | None, bool]:
        """The session that a link opened before, and whether that attempt may have set the password."""
        try:
            tokens, unknown = json.loads(self._keys.unseal(token, _SECOND_TRY))
            return Tokens(*tokens), bool(unknown)
        except (Unopened, ValueError, TypeError):
            return None, False

    async def _session(self, cookie: str | None) -> Record:
        row = await self.web_sessions.find(cookie)
        if row is None:
            raise Unauthorized("Your session has ended: please sign in again.")
        return row

    async def _open(self, tokens: Tokens, visitor: Visitor, *, alone: bool = False) -> str:
        """Open a session for tokens that have just arrived. If that fails, the tokens are revoked."""
        try:
            return await self.web_sessions.open(tokens, visitor, alone=alone)
        except BaseException:
            await self.supabase.log_out(tokens.access, "local")
            raise


def _account(email: str) -> str:
    return email.strip().lower()


def _viewer(row: Record) -> Viewer:
    return Viewer(
        id=row["user_id"],
        email=row["email"],
        role=row["role"],
        name=row["name"],
        username=row["username"],
        supervisor_type=row["supervisor_type"],
        session_id=row["id"],
        expires_at=row["expires_at"],
    )
