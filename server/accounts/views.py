"""Signing in and out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server import web
from server.auth import Auth
from server.errors import RequestError, TooMany, Unauthorized, Unavailable
from server.guard import (
    drop_cookie,
    own_path,
    session_cookie,
    set_cookie,
    set_device,
    viewer_of,
    visitor_of,
)
from server.settings import Settings

_EMAIL, _PASSWORD = 255, 1000  # characters


async def sign_in_page(request: Request) -> Response:
    """The sign-in page; whoever is in already goes on."""
    wanted = own_path(request.query_params.get("next", ""))
    if await viewer_of(request):
        return RedirectResponse(wanted, 303)
    return _page(request, wanted=wanted)


async def sign_in(request: Request) -> Response:
    """Sign in: 303 to where one wanted to go, or the page again with one sentence for every reason."""
    settings: Settings = request.state.settings
    auth: Auth = request.state.auth
    fields = await web.form(request)
    email, password = fields.get("email", "").strip(), fields.get("password", "")
    wanted = own_path(fields.get("next", ""))
    if not email or not password or len(email) > _EMAIL or len(password) > _PASSWORD:
        message = "Please give your e-mail and your password."
        return _page(request, 422, email=email[:_EMAIL], wanted=wanted, message=message)
    try:
        cookie = await auth.sign_in(email, password, visitor_of(request))
    except (Unauthorized, TooMany, Unavailable) as refusal:
        return _page(request, refusal.status, refusal=refusal, email=email, wanted=wanted)
    await auth.sign_out(session_cookie(request))
    answer = RedirectResponse(wanted, 303)
    set_cookie(answer, settings, cookie)
    set_device(answer, settings, auth.device_mark(email))
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    settings: Settings = request.state.settings
    auth: Auth = request.state.auth
    await auth.sign_out(session_cookie(request))
    answer = RedirectResponse("/login", 303)
    drop_cookie(answer, settings)
    return answer


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
    answer = web.render(request, "accounts/login.html", status, email=email, wanted=wanted, message=message)
    if refusal is not None and refusal.retry_after:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


ROUTES = [
    Route("/login", sign_in_page, methods=["GET"]),
    Route("/login", sign_in, methods=["POST"]),
    Route("/logout", sign_out, methods=["POST"]),
]
