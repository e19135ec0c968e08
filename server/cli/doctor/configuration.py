"""The settings alone: are they complete, and do they fit together."""

from urllib.parse import urlsplit

from server.cli.doctor.findings import Finding, Findings, doubtful, right, wrong
from server.kernel.auth import listed
from server.kernel.http import loopback
from server.settings import LOOPBACK, Settings

_FEW = 10  # different characters; even 32 random digits have more than half of that


async def check(settings: Settings, mistakes: list[str]) -> Findings:
    """The mistakes in the settings, and settings that do not fit together."""
    for mistake in mistakes:
        yield wrong(mistake)
    if not mistakes:
        kind = (
            f"embedded mode, data in {settings.floorwalker_home.resolve()}"
            if settings.embedded
            else f"a hosted project, {settings.supabase_url}"
        )
        yield right(f"the settings are complete: {kind}")
    if settings.secret_key is not None:
        yield _secret_key(settings.secret_key.get_secret_value())
    if settings.supabase_url is not None and _in_clear(settings.supabase_url):
        yield wrong(
            f"SUPABASE_URL is {settings.supabase_url}: passwords would be sent unencrypted, so write https://"
        )
    if not settings.embedded or not loopback(settings):
        yield _public_url(settings)
    if settings.public_url is not None and settings.trusted_proxies == "none":
        yield doubtful(
            "PUBLIC_URL is set and TRUSTED_PROXIES is none, so all requests seem to come from the proxy's address, "
            "and share its limits: set TRUSTED_PROXIES to the proxy's address"
        )


def _secret_key(given: str) -> Finding:
    keys = listed(given)
    poor = [number for number, key in enumerate(keys, 1) if len(set(key)) < _FEW]
    which = f"SECRET_KEY, the key in place {poor[0]}," if poor and len(keys) > 1 else "SECRET_KEY"
    if poor:
        few = len(set(keys[poor[0] - 1]))
        return doubtful(
            f"{which} has only {few} different characters: make one with `openssl rand -base64 48`"
        )
    if len(keys) > 1:
        return right(f"SECRET_KEY lists {len(keys)} keys: the first encrypts, all of them decrypt")
    return right(f"SECRET_KEY is long enough ({len(given)} characters)")


def _public_url(settings: Settings) -> Finding:
    url = settings.public_url
    if url is not None and url.startswith("https://"):
        return right(f"PUBLIC_URL is https: {url}")
    if settings.host in LOOPBACK and (url is None or not _in_clear(url)):
        return doubtful(
            "PUBLIC_URL is not an address with https, so only people at this machine can sign in: "
            "set it to https://… as soon as a proxy is in front"
        )
    seen = f"PUBLIC_URL is {url}" if url else f"PUBLIC_URL is not set and HOST is {settings.host}"
    return wrong(
        f"{seen}: passwords would be sent unencrypted, and browsers store the session's cookie over https only; put a "
        "proxy with https in front, and its address into PUBLIC_URL"
    )


def _in_clear(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "http" and parts.hostname not in LOOPBACK
