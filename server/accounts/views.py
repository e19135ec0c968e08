"""Sign-in and sign-out, forgotten passwords, invitations, and the viewer's own account."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.accounts import (
    preferences,
    preferences_views,
    push_subscriptions_views,
    signal_choices,
    signal_choices_views,
)
from server.accounts.signal_choices import Choices
from server.errors import Invalid, NotFound, RequestError, TooMany, Unauthorized, Unavailable
from server.kernel import http
from server.kernel.auth import Auth, Link, PasswordRefused, PasswordSet, Viewer
from server.kernel.db import Database
from server.kernel.http import (
    drop_cookie,
    drop_doubtful,
    insecure,
    own_path,
    session_cookie,
    set_cookie,
    set_device,
    signed_in,
    viewer_of,
    visitor_of,
)

_EMAIL, _PASSWORD, _TOKEN = 255, 1000, 4000  # characters
_SAID = {
    "name": "Your name was changed.",
    "password": "Your password was changed. You are signed out everywhere else.",
    "signals": "What calls you was saved.",
    "session": "That browser was signed out.",
    "look": "Saved. Every page follows, here and where you sign in from now on.",
}


async def sign_in_page(request: Request) -> Response:
    """The sign-in page. A viewer who is signed in is sent on."""
    wanted = own_path(request.query_params.get("next", ""))
    if await viewer_of(request):
        return RedirectResponse(wanted, 303)
    ended = session_cookie(request) is not None  # the cookie of a session that no longer exists
    message = "Your session has ended. Please sign in again." if ended else ""
    answer = _page(request, wanted=wanted, message=message)
    drop_doubtful(answer, request)
    return answer


async def sign_in(request: Request) -> Response:
    """Sign in: 303 to the page that was asked for, or the form with one sentence for every reason."""
    auth: Auth = request.state.auth
    fields = await http.form(request)
    email, password = fields.get("email", "").strip(), fields.get("password", "")
    wanted = own_path(fields.get("next", ""))
    if not email or not password or len(email) > _EMAIL or len(password) > _PASSWORD:
        message = "Please enter your e-mail and your password."
        return _page(request, 422, email=email[:_EMAIL], wanted=wanted, message=message)
    try:
        cookie = await auth.sign_in(email, password, visitor_of(request))
    except (Unauthorized, TooMany, Unavailable) as refusal:
        return _page(request, refusal.status, refusal=refusal, email=email, wanted=wanted)
    return await _signed_in(request, cookie, email, wanted)


async def _signed_in(request: Request, cookie: str, email: str, wanted: str = "/") -> Response:
    """Set the cookie of the new session, which replaces that of the session before, and end that one if its services answer."""
    auth: Auth = request.state.auth
    with suppress(Unavailable):
        await auth.sign_out(session_cookie(request))
    answer = RedirectResponse(wanted, 303)
    set_cookie(answer, request.state.settings, cookie)
    set_device(answer, request.state.settings, auth.device_cookie(email, visitor_of(request).device))
    await preferences_views.bring(request, answer, await auth.viewer(cookie))
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    auth: Auth = request.state.auth
    await auth.sign_out(session_cookie(request))
    return _signed_out(request)


def _page(
    request: Request,
    status: int = 200,
    *,
    email: str = "",
    wanted: str,
    message: str = "",
    refusal: RequestError | None = None,
) -> Response:
    message = refusal.detail if refusal is not None else message
    context = {"email": email, "wanted": wanted, "message": message, "insecure": insecure(request)}
    answer = http.render(request, "accounts/login.html", status, **context)
    if refusal is not None and refusal.retry_after:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


async def forgot(request: Request) -> Response:
    """The form for a forgotten password; with the token of an e-mail's link, the form for a new password."""
    if token := request.query_params.get("token_hash"):
        return _link_page(request, token[:_TOKEN])
    return http.render(request, "accounts/recovery.html", email="", sent=False, message="")


async def recover(request: Request) -> Response:
    """Send an e-mail if there is an account with this address; with a token, set the new password."""
    fields = await http.form(request)
    if "token_hash" in fields:
        return await _accept(request, fields, "recovery")
    auth: Auth = request.state.auth
    email, status, retry, message = fields.get("email", "").strip(), 200, None, ""
    if not email or len(email) > _EMAIL or "@" not in email:
        status, message = 422, "Please enter your e-mail address."
    else:
        try:
            await auth.request_recovery(email, visitor_of(request))
        except (TooMany, Unavailable) as refusal:
            status, retry, message = refusal.status, refusal.retry_after, refusal.detail
    context = {"email": email[:_EMAIL], "message": message}
    if message and request.headers.get("hx-request"):
        answer: Response = http.fragment(request, "accounts/_recovery.html", status, **context)
    else:
        answer = http.render(request, "accounts/recovery.html", status, sent=not message, **context)
    if retry:
        answer.headers["Retry-After"] = str(retry)
    return answer


async def invited(request: Request) -> Response:
    """The page of an invitation's link, for the first password."""
    return _link_page(request, request.query_params.get("token_hash", "")[:_TOKEN])


async def accept(request: Request) -> Response:
    """Set the first password of an invited person."""
    return await _accept(request, await http.form(request), "invite")


async def _accept(request: Request, fields: Mapping[str, str], kind: Link) -> Response:
    """Set the password and sign in: 303 to the home page, or the form with the error."""
    auth: Auth = request.state.auth
    token, password = fields.get("token_hash", "")[:_TOKEN], fields.get("password", "")
    if password != fields.get("again", password):
        return _link_page(request, token, 422, message="The two passwords differ. Please type them again.")
    try:
        cookie, email = await auth.accept_link(token, kind, password, visitor_of(request))
    except NotFound as refusal:
        return _link_page(request, "", 404, used=refusal.detail)
    except PasswordRefused as refusal:
        # The link is used up. The form gets the sealed session that it opened, so that the password can be tried again for 15 minutes.
        return _link_page(request, refusal.token, 422, message=refusal.detail)
    except PasswordSet as refusal:  # but no session could be opened
        return _page(request, refusal.status, wanted="/", refusal=refusal)
    except RequestError as refusal:
        return _link_page(request, token, refusal.status, message=refusal.detail)
    return await _signed_in(request, cookie, email)


def _link_page(
    request: Request, token: str, status: int = 200, *, message: str = "", used: str = ""
) -> Response:
    if not token and not used:
        status, used = 404, "The link is incomplete. Please open it from the e-mail again."
    context = {"token": token, "message": message, "path": request.url.path}
    if message and request.headers.get("hx-request"):
        return http.fragment(request, "accounts/_link.html", status, **context)
    return http.render(request, "accounts/link.html", status, used=used, **context)


async def account(request: Request) -> Response:
    """The viewer's name, password and sessions."""
    return await _account(request, said=_SAID.get(request.query_params.get("said", ""), ""))


async def rename(request: Request) -> Response:
    """Change the name: 303 back, or 422 with the error."""
    auth: Auth = request.state.auth
    name = (await http.form(request)).get("name", "")
    try:
        await auth.rename(session_cookie(request), name)
    except Invalid as refusal:
        return await _account(request, 422, name=name[:_EMAIL], faults={"name": refusal.detail})
    return RedirectResponse("/account?said=name", 303)


async def change_password(request: Request) -> Response:
    """Change the password, proven by the current one. This browser gets a new session; all others end."""
    auth: Auth = request.state.auth
    fields = await http.form(request)
    current, wanted = fields.get("current", ""), fields.get("new", "")
    if not current or len(current) > _PASSWORD:
        return await _account(request, 422, faults={"current": "Please enter your current password."})
    try:
        cookie = await auth.change_password(session_cookie(request), current, wanted, visitor_of(request))
    except PasswordSet as refusal:
        return _page(request, refusal.status, wanted="/account", refusal=refusal)
    except (Invalid, TooMany) as refusal:
        field = "current" if isinstance(refusal, TooMany) or "current" in refusal.detail.lower() else "new"
        return await _account(request, refusal.status, faults={field: refusal.detail})
    answer = RedirectResponse("/account?said=password", 303)
    set_cookie(answer, request.state.settings, cookie)
    return answer


async def choose_signals(request: Request) -> Response:
    """Save what calls the viewer: 303 back, or 422 with the error."""
    viewer: Viewer = request.state.viewer
    db: Database = request.state.db
    fields = await http.form(request)
    typed = Choices.typed(fields, viewer.role)
    try:
        async with db.as_viewer(viewer) as connection:
            await signal_choices.choose(connection, typed, quiet=fields.get("quiet") == "yes")
    except Invalid as refusal:
        field = "zone" if "zone" in refusal.detail else "quiet"
        return await _account(request, 422, faults={field: refusal.sentence}, typed=typed)
    return RedirectResponse("/account?said=signals", 303)


async def end_session(request: Request) -> Response:
    """End one of the viewer's sessions; for the present one, go to the sign-in page."""
    auth: Auth = request.state.auth
    viewer: Viewer = request.state.viewer
    session_id = http.identifier(request.path_params["id"], "session")
    await auth.close_session(viewer, session_id)
    if session_id == viewer.session_id:
        return _signed_out(request)
    return RedirectResponse("/account?said=session", 303)


async def end_sessions(request: Request) -> Response:
    """End all of the viewer's sessions."""
    auth: Auth = request.state.auth
    await auth.sign_out_everywhere(session_cookie(request))
    return _signed_out(request)


def _signed_out(request: Request) -> Response:
    answer = RedirectResponse("/login", 303)
    drop_cookie(answer, request.state.settings)
    return answer


async def _account(
    request: Request,
    status: int = 200,
    *,
    said: str = "",
    name: str | None = None,
    faults: Mapping[str, str] | None = None,
    typed: Choices | None = None,
) -> Response:
    auth: Auth = request.state.auth
    viewer: Viewer = request.state.viewer
    context = {
        "sessions": await auth.sessions(viewer),
        "name": viewer.name if name is None else name,
        "faults": defaultdict(str, faults or {}),
        "said": said,
        **await signal_choices_views.shown(request, typed),
        **await _look(request),
    }
    if faults and request.headers.get("hx-request"):
        return http.fragment(request, "accounts/_account.html", status, viewer=viewer, **context)
    return http.render(request, "accounts/account.html", status, **context)


async def _look(request: Request) -> dict[str, Any]:
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        return {
            "own": await preferences.read(connection),
            "zones": preferences.zones(),
            "looks": preferences.CHOICES,
        }


ROUTES = [
    *preferences_views.ROUTES,
    *signal_choices_views.ROUTES,
    *push_subscriptions_views.ROUTES,
    Route("/login", sign_in_page, methods=["GET"]),
    Route("/login", sign_in, methods=["POST"]),
    Route("/logout", sign_out, methods=["POST"]),
    Route("/recovery", forgot, methods=["GET"]),
    Route("/recovery", recover, methods=["POST"]),
    Route("/invitation", invited, methods=["GET"]),
    Route("/invitation", accept, methods=["POST"]),
    Route("/account", signed_in(account)),
    Route("/account/name", signed_in(rename), methods=["POST"]),
    Route("/account/password", signed_in(change_password), methods=["POST"]),
    Route("/account/signals", signed_in(choose_signals), methods=["POST"]),
    Route("/account/sessions/end", signed_in(end_sessions), methods=["POST"]),
    Route("/account/sessions/{id}/end", signed_in(end_session), methods=["POST"]),
]
