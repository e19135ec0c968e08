"""The rules for names and passwords, and the errors of a password that was refused."""

import unicodedata

from server.errors import Invalid, Unavailable
from server.kernel.db import lengths

_SHORTEST, _LONGEST = 6, 72  # at least so many characters, at most so many bytes: the rule of Supabase Auth
_NO_TEXT = ("Cc", "Cs")  # Unicode categories that no name contains: controls, lone surrogates


class PasswordRefused(Invalid):
    """The link is used up and no password is set yet: `token` replaces the link for a quarter of an hour."""

    def __init__(self, detail: str, token: str) -> None:
        super().__init__(detail)
        self.token = token


class PasswordSet(Unavailable):
    """The new password is set and all sessions have ended, but signing in with it does not work at the moment."""


def name_fault(name: str) -> str:
    """Why this cannot be a name; empty when it can."""
    if 0 < len(name) <= lengths.NAME and not any(unicodedata.category(letter) in _NO_TEXT for letter in name):
        return ""
    return f"A name has 1 to {lengths.NAME} characters."


def password_fault(password: str) -> str:
    """Why Supabase Auth would refuse this password for every account; empty when it would not."""
    if len(password) < _SHORTEST:
        return f"A password has at least {_SHORTEST} characters."
    if len(password.encode("utf-8", "surrogatepass")) > _LONGEST or "\0" in password:
        return f"A password has at most {_LONGEST} characters, and fewer with accents or symbols."
    return ""


def check_password(password: str) -> None:
    """Raise Invalid for a password that cannot be valid, before a link or an attempt is spent on it."""
    if fault := password_fault(password):
        raise Invalid(fault)
