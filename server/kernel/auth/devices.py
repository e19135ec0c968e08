"""The device cookie: a browser in which an account has signed in before has a limit of its own for failed sign-ins."""

import secrets

from server.kernel.auth.secret_keys import SecretKeys

_ACCOUNTS, _BETWEEN = 5, "~"  # accounts per browser at most, and the separator of their parts


def device_cookie(keys: SecretKeys, account: str, kept: str | None) -> str:
    """The new value of the cookie after this account has signed in.

    `kept` is its present value. This account's part is put first and the oldest is dropped, so that people who share a desk do
    not remove each other's.
    """
    others = (kept or "").split(_BETWEEN)
    nonce = _nonce(keys, account, others) or secrets.token_urlsafe(16)
    part = f"{nonce}.{keys.sign(f'{nonce} {account}')}"
    return _BETWEEN.join([part, *(one for one in others if one and one != part)][:_ACCOUNTS])


def known(keys: SecretKeys, account: str, kept: str | None) -> str | None:
    """The name of the browser if this account has signed in there; otherwise None."""
    return _nonce(keys, account, (kept or "").split(_BETWEEN)[:_ACCOUNTS])


def _nonce(keys: SecretKeys, account: str, kept: list[str]) -> str | None:
    for one in kept:
        nonce, _, signature = one.partition(".")
        if keys.is_signature(f"{nonce} {account}", signature):
            return nonce
    return None
