"""People sign in through Supabase Auth; a cookie's id stands for them. Agents have keys."""

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

_STEP = 0.5  # seconds: refusals come at the end of one, whatever their reason
_EMAIL = 1.0  # seconds until a request for an e-mail is answered, also where there is none to send
_SET = "Your new password is set, and you are signed out everywhere. Please sign in with it in a few seconds."
_SECOND_TRY = 900  # seconds in which a link that was used may still be given a password


log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Where a person is signed in, as they may see it."""

    id: UUID
    user_agent: str
    address: str
    created_at: dt.datetime
    last_seen_at: dt.datetime
    here: bool


class Auth:
    """Sign-in and sign-out, passwords and links, and whose a cookie or a key is."""

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
        """Who the cookie stands for, with a good token behind it; None when for nobody (any more)."""
        row = await self.web_sessions.find(cookie)
        return _viewer(row) if row is not None else None

    async def agent(self, key: str) -> AgentCaller:
        """Whose key it is. Unauthorized when nobody's, revoked, or of a retired agent."""
        rows = await self.db.call("select * from private.agent_of_key($1)", digest(key))
        if not rows:
            raise Unauthorized("this agent key is unknown or revoked")
        return AgentCaller(id=rows[0]["agent_id"], key_id=rows[0]["key_id"])

    async def sign_in(self, email: str, password: str, visitor: Visitor) -> str:
        """Open a session; the cookie's id. Unauthorized with the same words, and after as long, for every reason."""
        began = time.monotonic()
        account = _account(email)
        try:
            async with self._limits.guess(
                visitor.address, account, devices.known(self._keys, account, visitor.device)
            ):
                tokens = await self.supabase.sign_in(email, password)
                return await self._open(tokens, visitor)
        except Unauthorized:
            await asyncio.sleep((began - time.monotonic()) % _STEP)
            raise

    async def sign_out(self, cookie: str | None) -> None:
        """End the session here and at the Auth server; its streams end with it."""
        await self.web_sessions.close(cookie)

    async def sign_out_everywhere(self, cookie: str | None) -> None:
        """End all sessions of this person, here and at the Auth server."""
        await self.web_sessions.close_all(await self._session(cookie))

    async def sessions(self, viewer: Viewer) -> list[SignIn]:
        """Where the viewer is signed in, the last seen first."""
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
        """End one of the viewer's sessions. NotFound when it is not theirs."""
        await self.web_sessions.close_own(viewer.id, session_id)

    async def rename(self, cookie: str | None, name: str) -> None:
        """Give this person another name; their row follows by trigger."""
        name = " ".join(name.split())
        if fault := name_fault(name):
            raise Invalid(fault)
        row = await self._session(cookie)
        await self.supabase.update(self.web_sessions.tokens(row), {"data": {"name": name}})

    async def change_password(self, cookie: str | None, current: str, new: str, visitor: Visitor) -> str:
        """Set a new password and end all sessions of this person; the id of a new one for this browser.

        It is proven by a sign-in of its own, whose session is the one that stays: some projects let only a fresh one
        change the password. Invalid when the current one is wrong or the new one is refused, TooMany like a sign-in,
        PasswordSet when it is set and no session can be opened.
        """
        row = await self._session(cookie)
        check_password(new)
        account = _account(row["email"])
        try:
            async with self._limits.guess(
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
        """Have a link sent to somebody who forgot their password. The answer and its time say nothing of who it is.

        TooMany for too many e-mails. Unavailable when the Auth server does not answer anybody.
        """
        await self._limits.email(visitor.address, _account(email))
        sent = asyncio.get_running_loop().create_future()
        self._emails.put_nowait((email, sent))
        await asyncio.sleep(_EMAIL)
        if sent.done():
            sent.result()

    async def run(self) -> None:
        """Send the e-mails, for as long as the process lives: nobody waits for the mail server."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._send(*await self._emails.get()))

    async def _send(self, email: str, sent: "asyncio.Future[None]") -> None:
        try:
            await self.supabase.send_recovery(email)
            sent.set_result(None)
        except Unavailable as error:
            sent.set_exception(error)
            sent.exception()  # seen, though whoever asked may be gone

    async def accept_link(self, token: str, kind: Link, password: str, visitor: Visitor) -> tuple[str, str]:
        """Set the password of whom a link was sent to; the id of a new session, their only one, and their e-mail.

        NotFound for a link that was used or has expired. Invalid for a password that is refused before the link is
        used, PasswordRefused when it is after: then the token in it takes the link's place. PasswordSet when it is set
        and no session can be opened.
        """
        check_password(password)
        tokens, unknown = self._second_try(token)
        if tokens is None:
            async with self._limits.guess(visitor.address):
                tokens = await self.supabase.verify(token, kind)
        try:
            await self.supabase.update(tokens, {"password": password})
        except (Invalid, Unavailable) as error:
            # Perhaps it is set already, by an earlier try whose answer was lost: then it is refused as the old one.
            if not (unknown and isinstance(error, Invalid) and await self._works(tokens, password)):
                raise self._refused(tokens, error) from error
        except Unauthorized as error:
            raise NotFound(USED) from error
        log.info("link_accepted", kind=kind)
        try:
            await self.web_sessions.close_of(UUID(tokens.user))
            # What the link opened ends with it, and with that all that was ever sealed of it.
            await self.supabase.log_out(tokens.access, "local")
            fresh = await self.supabase.sign_in(tokens.email, password)
            return await self._open(fresh, visitor, alone=True), tokens.email
        except Unavailable as error:
            raise PasswordSet(_SET, 5) from error

    async def _works(self, tokens: Tokens, password: str) -> bool:
        """Whether the password is the one by now."""
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
            "Nobody knows yet whether your password is set." if unknown else "Your password is not set yet."
        )
        return PasswordRefused(f"{error.detail} {known}", again)

    def device_cookie(self, email: str, device: str | None = None) -> str:
        """What a browser keeps after these people have signed in there (`devices.device_cookie`)."""
        return devices.device_cookie(self._keys, _account(email), device)

    def _second_try(self, token: str) -> tuple[Tokens | None, bool]:
        """What a link opened before, and whether nobody knows what became of the password."""
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
        """A session for tokens that have just come; without one, they end."""
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
