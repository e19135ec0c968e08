"""Signing in and out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server import web
from server.auth import Auth
from server.errors import RequestError, TooMany, Unauthorized, Unavailable
from server.guard import Limits, cookie_name, drop_cookie, set_cookie, viewer_of
from server.settings import Settings

_EMAIL, _PASSWORD = 255, 1000  # characters


async def sign_in_page(request: Request) -> Response:
    """The sign-in page; whoever is in already goes on."""
    if await viewer_of(request):
        return RedirectResponse("/", 303)
    return _page(request)


async def sign_in(request: Request) -> Response:
    """Sign in: 303 to the home page, or the page again with one sentence for every reason."""
    settings: Settings = request.state.settings
    auth: Auth = request.state.auth
    limits: Limits = request.state.limits
    fields = await web.form(request)
    email, password = fields.get("email", "").strip(), fields.get("password", "")
    address = request.client.host if request.client else ""
    if not email or not password or len(email) > _EMAIL or len(password) > _PASSWORD:
        return _page(request, 422, email=email[:_EMAIL], message="Please give your e-mail and your password.")
    try:
        await limits.sign_in(email, address)
        cookie = await auth.sign_in(email, password, request.headers.get("user-agent", ""), address)
    except (Unauthorized, TooMany, Unavailable) as refusal:
        return _page(request, refusal.status, refusal=refusal, email=email, message=refusal.detail)
    await auth.sign_out(request.cookies.get(cookie_name(settings)))
    answer = RedirectResponse("/", 303)
    set_cookie(answer, settings, cookie)
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    settings: Settings = request.state.settings
    auth: Auth = request.state.auth
    await auth.sign_out(request.cookies.get(cookie_name(settings)))
    answer = RedirectResponse("/login", 303)
    drop_cookie(answer, settings)
    return answer


def _page(
    request: Request,
    status: int = 200,
    *,
    email: str = "",
    message: str = "",
    refusal: RequestError | None = None,
) -> Response:
    answer = web.render(request, "accounts/login.html", status, email=email, message=message)
    if refusal is not None and refusal.retry_after:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


ROUTES = [
    Route("/login", sign_in_page, methods=["GET"]),
    Route("/login", sign_in, methods=["POST"]),
    Route("/logout", sign_out, methods=["POST"]),
]
