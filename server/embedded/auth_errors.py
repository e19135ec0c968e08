"""Errors of the Auth service, in both forms of Supabase Auth: the request's X-Supabase-Api-Version chooses."""

from typing import Any

import asyncpg
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from server.kernel.http import allowed_methods

VERSION_HEADER = "X-Supabase-Api-Version"
_VERSION = "2024-01-01"

log = structlog.get_logger(__name__)


class AuthError(Exception):
    """A refusal, with the status, code and message of Supabase Auth."""

    def __init__(self, status: int, code: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra


def version_headers(request: Request) -> dict[str, str]:
    """Echo the version, without which the client does not read the code."""
    return {VERSION_HEADER: _VERSION} if request.headers.get(VERSION_HEADER, "") >= _VERSION else {}


async def answer(request: Request, error: Exception) -> JSONResponse:
    """Turn a refusal into JSON."""
    assert isinstance(error, AuthError)
    headers = version_headers(request)
    if headers:
        body = {"code": error.code, "message": error.message, **error.extra}
    else:
        body = {"code": error.status, "error_code": error.code, "msg": error.message, **error.extra}
    return JSONResponse(body, error.status, {**headers, "x-sb-error-code": error.code})


async def answer_not_offered(request: Request, error: Exception) -> JSONResponse:
    """Answer in JSON, like other refusals, that this service has no such address or method."""
    assert isinstance(error, HTTPException)
    message = f"This Auth service does not offer {request.method} at this address"
    reply = await answer(request, AuthError(error.status_code, "feature_disabled", message))
    if error.status_code == 405:
        reply.headers["Allow"] = allowed_methods(request)
    return reply


async def answer_fault(request: Request, error: Exception) -> JSONResponse:
    """Answer in JSON that the server failed; the server logs the error."""
    return await answer(request, AuthError(500, "unexpected_failure", "Unexpected failure"))


async def answer_database(request: Request, error: Exception) -> JSONResponse:
    """Turn an error of PostgreSQL into JSON: a value that cannot be stored, or a refusal by a trigger or a constraint."""
    if isinstance(error, asyncpg.DataError | UnicodeError):
        return await answer(request, AuthError(400, "validation_failed", "A value cannot be stored"))
    log.warning("auth_database_refused", error=type(error).__name__, path=request.url.path)
    doing = {"POST": "saving", "PUT": "updating", "DELETE": "deleting"}.get(request.method, "finding")
    return await answer(request, AuthError(500, "unexpected_failure", f"Database error {doing} user"))


async def answer_unreachable(request: Request, error: Exception) -> JSONResponse:
    """PostgreSQL is away, perhaps restarting; the client may try again."""
    log.warning("auth_database_unreachable", error=type(error).__name__)
    return await answer(request, AuthError(503, "request_timeout", "The database does not answer"))
