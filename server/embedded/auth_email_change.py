"""Changes of an e-mail address by links: the person confirms at the present and at the new address, in either order."""

from typing import Any
from urllib.parse import urlencode

import asyncpg
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from server.embedded import auth_tokens, auth_users
from server.embedded.auth_database import Connection, database_of
from server.embedded.auth_errors import AuthError
from server.embedded.auth_gateway import attempt
from server.embedded.auth_tokens import Kind, OneTimeToken

CURRENT: Kind = "email_change_token_current"
NEW: Kind = "email_change_token_new"
KINDS: dict[str, Kind] = {"email_change_current": CURRENT, "email_change_new": NEW}  # of generate_link
TYPE = "email_change"  # of verify, for both
HALF_DONE = "Confirmation link accepted. Please proceed to confirm link sent to the other email"
_CHANGED = "Your email address has been changed"


async def issue(connection: Connection, user: asyncpg.Record, kind: Kind, new_email: object) -> OneTimeToken:
    """Issue a token for one of the two addresses. Both have to be confirmed again.

    A link that was issued for a change to a third address becomes invalid, because its owner agreed to another change.
    """
    email = auth_users.normal_email(new_email)
    if await auth_users.by_email(connection, email) is not None:
        raise auth_users.taken()
    if user["email_change"] != email:
        await auth_tokens.clear(connection, user["id"], CURRENT, NEW)
    await connection.execute(
        """
        update auth.users set email_change = $2::text, email_change_confirm_status = 0, updated_at = now(),
          email_change_token_current = case when email_change = $2::text then email_change_token_current else '' end,
          email_change_token_new = case when email_change = $2::text then email_change_token_new else '' end
        where id = $1
        """,
        user["id"],
        email,
    )
    return await auth_tokens.issue(connection, user, kind, address=email if kind == NEW else user["email"])


async def confirm(connection: Connection, user: asyncpg.Record, kind: Kind) -> bool:
    """Use one of the two tokens; return whether the address was changed, because the other one had been used."""
    if user["email_change_confirm_status"] == 0:
        await connection.execute(
            f"update auth.users set {kind} = '', email_change_confirm_status = 1, updated_at = now() where id = $1",
            user["id"],
        )
        await auth_tokens.clear(connection, user["id"], kind)
        return False
    await auth_users.set_email(connection, user["id"], user["email_change"], verified=True)
    if user["email_confirmed_at"] is None:
        await auth_users.confirm(connection, user["id"])
    return True


async def follow(request: Request, token_hash: str, redirect_to: str) -> Response:
    """Confirm when the link is opened, and redirect to the site with the result in the fragment.

    An admin hands out these links, and they have no page with a form. They sign nobody in, so a mail scanner that opens
    them gains nothing.
    """
    said: dict[str, Any]
    try:
        async with attempt(request), database_of(request.app).transaction() as connection:
            user, kind = await auth_tokens.usable(connection, token_hash, (CURRENT, NEW))
            said = {"message": _CHANGED if await confirm(connection, user, kind) else HALF_DONE}
    except AuthError as error:
        said = {"error": "access_denied", "error_code": error.code, "error_description": error.message}
    return RedirectResponse(f"{redirect_to.partition('#')[0]}#{urlencode(said)}", 303)
