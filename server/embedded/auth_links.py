"""The Auth service's links: requested, sent by e-mail or given to an admin, and exchanged once for a session."""

import ipaddress
import secrets
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from server.embedded import (
    auth_email_change,
    auth_mail,
    auth_sessions,
    auth_tokens,
    auth_users,
    passwords,
)
from server.embedded.auth_database import Connection, database_of
from server.embedded.auth_errors import AuthError
from server.embedded.auth_gateway import attempt, body, mapping, require_admin, text
from server.embedded.auth_tokens import Kind, OneTimeToken

_RECOVERY: Kind = "recovery_token"
_CONFIRMATION: Kind = "confirmation_token"
_KINDS: dict[str, tuple[Kind, ...]] = {
    "recovery": (_RECOVERY,),
    "magiclink": (_RECOVERY,),
    "invite": (_CONFIRMATION,),
    "signup": (_CONFIRMATION,),
    "email": (_CONFIRMATION, _RECOVERY),
    auth_email_change.TYPE: (auth_email_change.CURRENT, auth_email_change.NEW),
}
_FOLLOWED = frozenset(_KINDS) - {"email"}
_HANDED_OUT = _FOLLOWED - {auth_email_change.TYPE} | frozenset(auth_email_change.KINDS)


async def recover(request: Request) -> Response:
    """Send a link for a new password. An unknown address gets none, and the answer is the same."""
    given = await body(request)
    if not text(given, "email"):
        raise AuthError(400, "validation_failed", "Password recovery requires an email")
    email = auth_users.normal_email(given["email"])
    async with database_of(request.app).transaction() as connection:
        user = await auth_users.by_email(connection, email, lock=True)
        if user is not None:
            auth_tokens.check_pause(user["recovery_sent_at"])
            token = await auth_tokens.issue(connection, user, _RECOVERY)
            await _send(request, "recovery", email, token)
    return JSONResponse({})


async def verify(request: Request) -> Response:
    """Exchange a token for a session."""
    given = await body(request)
    token_hash, kinds = _wanted(given)
    refused = (
        "Token has expired or is invalid" if text(given, "token") else "Email link is invalid or has expired"
    )
    async with attempt(request), database_of(request.app).transaction() as connection:
        user, kind = await auth_tokens.usable(connection, token_hash, kinds, refused)
        if kind == _RECOVERY:
            await auth_users.recovered(connection, user["id"])
            if user["email_confirmed_at"] is None:
                await auth_users.confirm(connection, user["id"])
        elif kind == _CONFIRMATION:
            await _accept(connection, user)
        elif not await auth_email_change.confirm(connection, user, kind):
            return JSONResponse({"msg": auth_email_change.HALF_DONE, "code": "200"})
        await auth_users.renew_providers(connection, user["id"])
        session_id, refresh_token = await auth_sessions.begin(connection, user["id"], request, "otp")
        return await auth_sessions.answer(connection, request, session_id, refresh_token)


async def show(request: Request) -> Response:
    """Redirect to the page whose form uses the token: mail scanners open links before people do, so opening must not use them.

    A link that confirms a change of the e-mail address has no page. To open it is to confirm.
    """
    kind, token_hash = request.query_params.get("type", ""), request.query_params.get("token", "")
    if not token_hash:
        raise AuthError(400, "validation_failed", "Verify requires a token or a token hash")
    if kind not in _FOLLOWED:
        raise AuthError(400, "validation_failed", "Invalid email verification type")
    if kind == auth_email_change.TYPE:
        if request.method == "HEAD":  # a HEAD request confirms nothing
            return RedirectResponse(_redirect_to(request, {}), 303)
        return await auth_email_change.follow(request, token_hash, _redirect_to(request, {}))
    page: auth_mail.Page = "recovery" if _KINDS[kind] == (_RECOVERY,) else "invitation"
    return RedirectResponse(auth_mail.link(request.app.state.site, page, quote(token_hash, safe="")), 303)


async def invite(request: Request) -> Response:
    """Send a link to a new person, or again to one who has not accepted it."""
    require_admin(request)
    given = await body(request)
    email = auth_users.normal_email(given.get("email"))
    async with database_of(request.app).transaction() as connection:
        user = await auth_users.by_email(connection, email, lock=True)
        user = await _invited(connection, user, email, mapping(given, "data"))
        token = await auth_tokens.issue(connection, user, _CONFIRMATION, invited=True)
        await _send(request, "invitation", email, token)
        return JSONResponse(await auth_users.read(connection, user["id"]))


async def generate(request: Request) -> Response:
    """Make a link that an admin passes on. No e-mail is sent."""
    require_admin(request)
    given = await body(request)
    email, kind = auth_users.normal_email(given.get("email")), text(given, "type")
    if kind not in _HANDED_OUT:
        raise AuthError(400, "validation_failed", f"Invalid email action link type requested: {kind}")
    async with database_of(request.app).transaction() as connection:
        user = await auth_users.by_email(connection, email, lock=True)
        if user is None and kind == "magiclink":
            # An unknown address: the link creates the account, as in Supabase Auth.
            kind, given["password"] = "signup", secrets.token_urlsafe(32)
        match kind:
            case "invite":
                user = await _invited(connection, user, email, mapping(given, "data"))
            case "signup":
                user = await _signed_up(connection, user, email, given)
        if user is None:
            raise AuthError(404, "user_not_found", "User with this email not found")
        if change := auth_email_change.KINDS.get(kind):
            token = await auth_email_change.issue(connection, user, change, given.get("new_email"))
        else:
            token = await auth_tokens.issue(connection, user, *_KINDS[kind], invited=kind == "invite")
        redirect_to, verified_as = _redirect_to(request, given), auth_email_change.TYPE if change else kind
        query = urlencode({"token": token.token_hash, "type": verified_as, "redirect_to": redirect_to})
        return JSONResponse(
            {
                **await auth_users.read(connection, user["id"]),
                "action_link": f"{request.app.state.site}/auth/v1/verify?{query}",
                "email_otp": token.code,
                "hashed_token": token.token_hash,
                "verification_type": kind,
                "redirect_to": redirect_to,
            }
        )


async def _send(request: Request, page: auth_mail.Page, to: str, token: OneTimeToken) -> None:
    """Send as the last step before the commit. When the e-mail fails, the transaction is rolled back and there is no token."""
    state = request.app.state
    await auth_mail.send(state.outbox, state.site, page, to, token.token_hash)


def _wanted(given: dict[str, Any]) -> tuple[str, tuple[Kind, ...]]:
    """The hash in the request, or the one made of its code, and the kinds of token that it may belong to."""
    kind, code, token_hash = text(given, "type"), text(given, "token"), text(given, "token_hash")
    if not kind:
        raise AuthError(400, "validation_failed", "Verify requires a verification type")
    if bool(code) == bool(token_hash):
        raise AuthError(400, "validation_failed", "Verify requires either a token or a token hash")
    if kind not in _KINDS:
        raise AuthError(400, "validation_failed", "Invalid email verification type")
    if code:
        return auth_tokens.digest(auth_users.normal_email(given.get("email")), code), _KINDS[kind]
    if any(text(given, name) for name in ("email", "phone", "redirect_to")):
        raise AuthError(400, "validation_failed", "Only the token_hash and type should be provided")
    return token_hash, _KINDS[kind]


async def _accept(connection: Connection, user: asyncpg.Record) -> None:
    """Confirm the address. A random password is set until the person chooses one."""
    if not user["encrypted_password"] and user["invited_at"] is not None:
        password_hash = await passwords.hashed(secrets.token_urlsafe(48))
        await auth_users.set_password(connection, user["id"], password_hash)
        await auth_sessions.end_others(connection, user["id"], None)
    await auth_users.confirm(connection, user["id"])
    await auth_users.verify_identity(connection, user["id"])


async def _invited(
    connection: Connection, user: asyncpg.Record | None, email: str, user_metadata: dict[str, Any]
) -> asyncpg.Record:
    if user is None:
        return await _created(connection, email, "", user_metadata)
    if user["email_confirmed_at"] is not None:
        raise auth_users.taken()
    return user


async def _signed_up(
    connection: Connection, user: asyncpg.Record | None, email: str, given: dict[str, Any]
) -> asyncpg.Record:
    user_metadata = mapping(given, "data")
    if user is None:
        password = text(given, "password")
        if not password:
            raise AuthError(400, "validation_failed", "Signup requires a valid password")
        passwords.check(password)
        return await _created(connection, email, await passwords.hashed(password), user_metadata)
    if user["email_confirmed_at"] is not None:
        raise auth_users.taken()
    await auth_users.merge_user_metadata(connection, user["id"], user_metadata)
    return user


async def _created(
    connection: Connection, email: str, password_hash: str, user_metadata: dict[str, Any]
) -> asyncpg.Record:
    user_id = await auth_users.create(connection, email, password_hash, user_metadata)
    await auth_users.set_role(connection, user_id, auth_users.AUDIENCE)
    user = await auth_users.by_id(connection, user_id)
    assert user is not None
    return user


def _redirect_to(request: Request, given: dict[str, Any]) -> str:
    """The caller's `redirect_to`, if it is on this site or a loopback address; otherwise the site."""
    site: str = request.app.state.site
    wanted = text(given, "redirect_to") or request.query_params.get("redirect_to", "")
    try:
        parts = urlsplit(wanted)
        here = parts.hostname is not None and (
            parts.hostname == urlsplit(site).hostname or ipaddress.ip_address(parts.hostname).is_loopback
        )
    except ValueError:  # a host name that is not the site's
        return site
    return wanted if here and parts.scheme in {"http", "https"} else site
