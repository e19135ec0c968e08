"""What a name and a password must be, and what a refused password says."""

import unicodedata

from server.errors import Invalid, Unavailable
from server.kernel.db import lengths

_SHORTEST, _LONGEST = 6, 72  # characters of a password at least, bytes at most: Supabase Auth's own
_NO_TEXT = ("Cc", "Cs")  # which no name has: controls, halves of surrogates


class PasswordRefused(Invalid):
    """The link is used up, and no password is set yet: `token` takes the link's place for a quarter of an hour."""

    def __init__(self, detail: str, token: str) -> None:
        super().__init__(detail)
        self.token = token


class PasswordSet(Unavailable):
    """The new password is set and all sessions have ended, but signing in with it does not work at the moment."""


def name_fault(name: str) -> str:
    """Why this can be nobody's name; nothing when it can."""
    if 0 < len(name) <= lengths.NAME and not any(unicodedata.category(letter) in _NO_TEXT for letter in name):
        return ""
    return f"A name has 1 to {lengths.NAME} characters."


def password_fault(password: str) -> str:
    """Why Supabase Auth takes this from nobody as a password; nothing when it may."""
    if len(password) < _SHORTEST:
        return f"A password has at least {_SHORTEST} characters."
    if len(password.encode("utf-8", "surrogatepass")) > _LONGEST or "\0" in password:
        return f"A password has at most {_LONGEST} characters, and fewer with accents or symbols."
    return ""


def check_password(password: str) -> None:
    """Before a link or a guess is spent on it."""
    if fault := password_fault(password):
        raise Invalid(fault)
