"""Web sessions: a cookie's id stands for one. Its tokens stay in the database, encrypted, and are renewed once.

A session lasts as long as the rights it was opened with. A ban or another role, made here or directly at the Auth server,
ends all sessions of the person by trigger, and lifting it revives no cookie. A session that was deleted only at the
Auth server is noticed when its token is renewed, within an hour. An Auth server that does not answer ends no session:
people stay signed in until their token ends.
"""

import asyncio
import datetime as dt
import secrets
import time
from dataclasses import dataclass
from uuid import UUID

import structlog

from server.errors import NotFound, Unauthorized, Unavailable
from server.kernel.auth.secret_keys import SecretKeys, Unopened
from server.kernel.auth.supabase import REFUSED, NoAnswer, Scope, Supabase, Tokens
from server.kernel.auth.tokens import Claims, InvalidToken, Verifier, digest
from server.kernel.db import Connection, Database, Record

_LONGEST = 200  # characters of a cookie at most; ours have 43
_RENEW_BEFORE = dt.timedelta(seconds=60)
# A renewal holds a connection of the pool and the session's row while it asks the Auth server, so only few run at a time
# and none takes long.
_AT_ONCE, _LONGEST_RENEWAL = 4, 6.0
_WAIT = 1.0  # seconds to wait for another renewal while the token is still valid
_REST = 5.0  # seconds without renewals after the Auth server has not answered
_NOT_RENEWED = (
    "You are still signed in, but the sign-in service does not answer and your session cannot be renewed. "
    "Please try again in a few seconds."
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Visitor:
    """The client of a request before its person is known: its address, user agent and device cookie."""

    address: str
    user_agent: str
    device: str | None = None


class WebSessions:
    """The sessions of all people in the database, and the renewals under way in this process."""

    def __init__(self, db: Database, supabase: Supabase, verifier: Verifier, keys: SecretKeys) -> None:
        self.db, self.supabase, self.verifier = db, supabase, verifier
        self._keys = keys
        self._renewing: dict[UUID, asyncio.Event] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self.rested = 0.0

    async def open(self, tokens: Tokens, visitor: Visitor, *, alone: bool = False) -> str:
        """Open a session; return the cookie's id, a new random one. `alone`: end all other sessions of the person.

        Unauthorized for a person without rights here, Unavailable when the tokens cannot be checked.
        """
        claims = await self._checked(tokens)
        cookie = secrets.token_urlsafe(32)
        function = "private.replace_web_sessions" if alone else "private.open_web_session"
        rows = await self.db.call(
            f"select {function}($1, $2, $3, $4, $5, $6, $7) as id",
            digest(cookie),
            UUID(claims["sub"]),
            *self._sealed(tokens),
            _end(claims),
            visitor.user_agent,
            visitor.address,
        )
        if rows[0]["id"] is None:
            log.info("session_refused", reason="no_profile", user=claims["sub"])
            raise Unauthorized(REFUSED)
        log.info("session_opened", user=claims["sub"], session=str(rows[0]["id"]))
        return cookie

    async def find(self, cookie: str | None) -> Record | None:
        """The session and its person, with a valid token; None when the cookie stands for nobody or no longer does."""
        row = await self._read(cookie)
        if row is None or cookie is None:
            return None
        if row["expires_at"] - _now() >= _RENEW_BEFORE and await self._holds(row):
            return row
        return await self._fresh(cookie, row)

    async def of(self, user_id: UUID) -> list[Record]:
        """The sessions of a person."""
        return await self.db.call("select * from private.web_sessions_of($1)", user_id)

    async def close(self, cookie: str | None) -> None:
        """End a session here and at the Auth server. Its streams end too."""
        row = await self._read(cookie)
        if row is not None:
            await self.db.call("select private.close_web_session($1)", row["id"])
            log.info("signed_out", user=str(row["user_id"]), session=str(row["id"]))
            await self._log_out(row, "local")

    async def close_own(self, user_id: UUID, session_id: UUID) -> None:
        """End a session of this person by its id. NotFound when they have no such session."""
        rows = await self.db.call("select * from private.close_own_web_session($1, $2)", user_id, session_id)
        if not rows:
            raise NotFound("There is no such session.")
        log.info("session_closed", user=str(user_id), session=str(session_id))
        await self._log_out(rows[0], "local")

    async def close_all(self, row: Record) -> None:
        """End all sessions of the person of this session, here and at the Auth server."""
        await self.close_of(row["user_id"])
        log.info("signed_out_everywhere", user=str(row["user_id"]))
        await self._log_out(row, "global")

    async def close_of(self, user_id: UUID) -> None:
        """End all sessions of this person here."""
        await self.db.call("select private.close_web_sessions_of($1)", user_id)

    def tokens(self, row: Record) -> Tokens:
        """The tokens for requests to the Auth server as the person of a session."""
        return Tokens(
            self._keys.unseal(row["access_token"]),
            self._keys.unseal(row["refresh_token"]),
            row["email"],
            str(row["user_id"]),
        )

    async def _read(self, cookie: str | None) -> Record | None:
        if not cookie or len(cookie) > _LONGEST:
            return None
        rows = await self.db.call("select * from private.find_web_session($1)", digest(cookie))
        return rows[0] if rows else None

    async def _holds(self, row: Record) -> bool:
        """Whether the token is still valid. While it cannot be checked it counts as valid, because it was checked before."""
        try:
            claims = await self.verifier.check(self._keys.unseal(row["access_token"]), again=True)
        except Unavailable:
            return True
        except (InvalidToken, Unopened) as error:
            log.warning("session_token_refused", session=str(row["id"]), reason=str(error))
            return False
        return bool(claims["sub"] == str(row["user_id"]))

    async def _fresh(self, cookie: str, row: Record) -> Record | None:
        """The session with a new token; or as it is, while its token is valid and no new one can be had."""
        good = row["expires_at"] > _now() and await self._holds(row)
        try:
            return await self._renewed(cookie, row, _WAIT if good else _LONGEST_RENEWAL)
        except (Unavailable, TimeoutError) as error:
            if (
                good and row["expires_at"] > _now()
            ):  # the request for a new one may have taken longer than it was valid
                return row
            raise Unavailable(_NOT_RENEWED, round(_REST)) from error

    async def _renewed(self, cookie: str, row: Record, seconds: float) -> Record | None:
        """Renew it, or wait for the renewal in this process that is under way."""
        under_way = self._renewing.get(row["id"])
        if under_way is None:
            if time.monotonic() < self.rested:
                raise Unavailable(_NOT_RENEWED)
            return await self._renew_alone(cookie, row)
        async with asyncio.timeout(seconds):
            await under_way.wait()
        found = await self._read(cookie)
        if found is not None and found["access_token"] == row["access_token"]:
            raise Unavailable(_NOT_RENEWED)
        return found

    async def _renew_alone(self, cookie: str, row: Record) -> Record | None:
        """Renew it; other requests of this process that have this session wait."""
        done = self._renewing[row["id"]] = asyncio.Event()
        try:
            async with asyncio.timeout(_LONGEST_RENEWAL), self._places:
                return await self._renew(cookie, row)
        except NoAnswer:
            self.rested = time.monotonic() + _REST
            raise
        finally:
            del self._renewing[row["id"]]
            done.set()

    async def _renew(self, cookie: str, row: Record) -> Record | None:
        """Renew under a lock of the row, so that processes do not compete: the second one finds it done.

        A refresh whose answer is lost does no harm, because its token may be used again until the new one was used.
        """
        async with self.db.as_server() as connection:
            locked = await _locked(connection, cookie)
            if locked is None or locked["access_token"] != row["access_token"]:
                return locked
            try:
                tokens = await self.supabase.refresh(self._keys.unseal(locked["refresh_token"]))
            except Unopened:  # encrypted with none of the keys in SECRET_KEY
                return None
            if tokens is None:
                await connection.execute("select private.close_web_session($1)", locked["id"])
                log.info("session_ended", session=str(locked["id"]), user=str(locked["user_id"]))
                return None
            end = _end(await self._checked(tokens))
            await connection.execute(
                "select private.renew_web_session($1, $2, $3, $4)", locked["id"], *self._sealed(tokens), end
            )
            return await _locked(connection, cookie)

    async def _checked(self, tokens: Tokens) -> Claims:
        try:
            return await self.verifier.check(tokens.access)
        except InvalidToken as error:  # a wrong SUPABASE_URL, or a wrong clock
            log.warning("new_token_refused", reason=str(error))
            raise Unavailable("Signing in does not work at the moment: please try again.", 5) from error

    async def _log_out(self, row: Record, scope: Scope) -> None:
        """End at the Auth server what has ended here. A failure is only logged, because the tokens are deleted here."""
        try:
            access = self._keys.unseal(row["access_token"])
            if row["expires_at"] <= _now():
                tokens = await self.supabase.refresh(self._keys.unseal(row["refresh_token"]))
                if tokens is None:
                    return  # it has ended there before
                access = tokens.access
        except (Unavailable, Unopened) as error:
            log.info("auth_log_out_failed", scope=scope, reason=str(error))
            return
        await self.supabase.log_out(access, scope)

    def _sealed(self, tokens: Tokens) -> tuple[bytes, bytes]:
        return self._keys.seal(tokens.access), self._keys.seal(tokens.refresh)


async def _locked(connection: Connection, cookie: str) -> Record | None:
    return await connection.fetchrow("select * from private.find_web_session($1, true)", digest(cookie))


def _end(claims: Claims) -> dt.datetime:
    return dt.datetime.fromtimestamp(claims["exp"], dt.UTC)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
