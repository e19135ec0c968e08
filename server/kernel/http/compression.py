"""Pages compressed on the way out.

BREACH (Gluck, Harris, Prado 2013) reads a secret from the length of a compressed answer that also repeats what the attacker
sent. It is not possible here, for three reasons. A page holds no session and no token for forms: the session is a cookie that
scripts cannot read, and writes are told from others' by the browser's own headers (middleware.SameOrigin). A page with a key of
an agent answers a form, which another site cannot send. And the session's cookie is SameSite=Lax, so another site gets a page of
a signed-in person by nothing but a visible navigation, one for each attempt; the padding makes each attempt thousands of them.
"""

import secrets

from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp

_LEAST = 1_000  # bytes
# Of 107 kB of HTML level 4 leaves 1.07 times as many bytes as level 9, in a third of the time.
_LEVEL = 4
# The agent API and CSV: their readers are programs nearby, and compression would cost more than it saves.
_AS_THEY_ARE = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/json", "text/csv")
_PADDING = 64  # bytes at most


def compressed(app: ASGIApp) -> ASGIApp:
    """HTML and text as gzip, for clients that accept it."""
    return GZipMiddleware(app, _LEAST, _LEVEL, exclude_content_types=_AS_THEY_ARE)


def padding() -> dict[str, str]:
    """A header of random length, for a page whose own length should tell nothing."""
    return {"X-Padding": secrets.token_urlsafe(_PADDING)[: secrets.randbelow(_PADDING)]}
