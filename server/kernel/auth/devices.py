"""The device cookie: with it a browser is known where people have signed in, and not counted with strangers."""

import secrets

from server.kernel.auth.secret_keys import SecretKeys

_ACCOUNTS, _BETWEEN = 5, "~"  # that signed in with a browser, at most, and what stands between their parts


def device_cookie(keys: SecretKeys, account: str, kept: str | None) -> str:
    """What a browser keeps after this account has signed in there.

    `kept` is what it has kept so far; this account's part comes first, and the last of others stay: at a desk that is
    shared nobody takes another's.
    """
    others = (kept or "").split(_BETWEEN)
    nonce = _nonce(keys, account, others) or secrets.token_urlsafe(16)
    part = f"{nonce}.{keys.sign(f'{nonce} {account}')}"
    return _BETWEEN.join([part, *(one for one in others if one and one != part)][:_ACCOUNTS])


def known(keys: SecretKeys, account: str, kept: str | None) -> str | None:
    """The name of the browser if this account has signed in there; None when it is a stranger's."""
    return _nonce(keys, account, (kept or "").split(_BETWEEN)[:_ACCOUNTS])


def _nonce(keys: SecretKeys, account: str, kept: list[str]) -> str | None:
    for one in kept:
        nonce, _, signature = one.partition(".")
        if keys.is_signature(f"{nonce} {account}", signature):
            return nonce
    return None
