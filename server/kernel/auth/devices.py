"""Marks that a browser keeps where people have signed in: so it is known, and not counted with strangers."""

import secrets

from server.kernel.auth.secret_keys import SecretKeys

_MARKS, _BETWEEN = 5, "~"  # of people who signed in with a browser, at most, and what stands between them


def marks(keys: SecretKeys, account: str, kept: str | None) -> str:
    """What a browser keeps after this account has signed in there.

    `kept` is what it has kept so far; this account's mark comes first, and the last of others stay: at a desk that is
    shared nobody takes another's.
    """
    others = (kept or "").split(_BETWEEN)
    nonce = _nonce(keys, account, others) or secrets.token_urlsafe(16)
    mark = f"{nonce}.{keys.mark(f'{nonce} {account}')}"
    return _BETWEEN.join([mark, *(one for one in others if one and one != mark)][:_MARKS])


def known(keys: SecretKeys, account: str, kept: str | None) -> str | None:
    """The name of the browser if this account has signed in there; None when it is a stranger's."""
    return _nonce(keys, account, (kept or "").split(_BETWEEN)[:_MARKS])


def _nonce(keys: SecretKeys, account: str, kept: list[str]) -> str | None:
    for one in kept:
        nonce, _, mark = one.partition(".")
        if keys.is_mark(f"{nonce} {account}", mark):
            return nonce
    return None
