"""All checks at once, their findings in order, and the exit status."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import click

from server import logs
from server import settings as environment
from server.cli.context import Context
from server.cli.doctor import auth_server, configuration, database, hearing, machine, owner
from server.cli.doctor.findings import Finding, Findings, collect, doubtful, right, wrong
from server.settings import Settings

_COLOURS = {"✓": "green", "!": "yellow", "✗": "red"}
_PLAIN = {"✓": "ok", "!": "!!", "✗": "NO"}  # where the terminal cannot show these characters
# Not masked when one of them is a password, because the sentences use these words.
_NO_SECRETS = {"", "postgres", "password", "floorwalker"}


def run() -> int:
    """Run all checks and print the findings; return 1 when something is wrong."""
    logs.configure("CRITICAL")  # failures are reported as findings, and not logged as well
    settings, mistakes = environment.found()
    with _opened(settings) as (context, first):
        found = asyncio.run(_examine(settings, mistakes, context, first))
    wrongs, doubts = (sum(finding.mark == mark for finding in found) for mark in "✗!")
    if wrongs:
        click.echo(f"{_counted(wrongs, 'thing is', 'things are')} wrong.")
    elif doubts:
        click.echo(f"It works; {_counted(doubts, 'thing is', 'things are')} worth a look.")
    else:
        click.echo("All is well.")
    return 1 if wrongs else 0


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Context | None, list[Finding]]]:
    """The context, and findings of opening it. A home that does not exist is not created."""
    if not settings.embedded:
        yield Context(settings, None), []
        return
    from server.embedded.folders import StartError, binaries
    from server.embedded.home import open_home

    home = settings.floorwalker_home.resolve()
    try:
        if not (home / "auth-keys.json").exists():
            binaries()
            yield None, [doubtful(f"there is no home in {home} yet: `floorwalker serve` makes it")]
            return
        with open_home(settings) as opened:
            yield Context(opened.settings, opened), [right("the home's PostgreSQL is there")]
    except StartError as error:
        yield None, [wrong(str(error).rstrip("."))]


async def _examine(
    settings: Settings, mistakes: list[str], context: Context | None, first: list[Finding]
) -> list[Finding]:
    checks: list[tuple[str, Findings]] = [("the settings", configuration.check(settings, mistakes))]
    if settings.embedded:
        checks.append(("this machine", machine.check(settings, context)))
    if context is not None:
        checks += [
            ("the Auth server", auth_server.check(context)),
            ("the database", database.check(context)),
            ("the owner's database", owner.check(context)),
            ("LISTEN", hearing.check_listener(context)),
            ("NATS", hearing.check_fanout(context)),
        ]
    secrets = _secrets(context.settings if context else settings)
    found: list[Finding] = []
    looking = [asyncio.create_task(collect(subject, check)) for subject, check in checks]
    for number, task in enumerate(looking):
        findings = await task
        for finding in findings + (first if number == 0 else []):
            if finding not in found:  # one address may serve for several settings
                _say(finding, secrets)
                found.append(finding)
    return found


def _say(finding: Finding, secrets: list[str]) -> None:
    sentence = " ".join(finding.sentence.split())
    for secret in secrets:  # a service may repeat a secret in its answer
        sentence = sentence.replace(secret, "…")
    encoding = sys.stdout.encoding or "utf-8"
    if _can_be_shown("".join(_PLAIN), encoding):
        click.echo(f"{click.style(finding.mark, fg=_COLOURS[finding.mark])} {sentence}")
    else:
        click.echo(f"{_PLAIN[finding.mark]} {sentence.encode(encoding, 'replace').decode(encoding)}")


def _can_be_shown(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _secrets(settings: Settings) -> list[str]:
    """Everything that must not be printed, the longest first."""
    keys = (settings.supabase_secret_key, settings.supabase_jwt_secret, settings.secret_key)
    found = {key.get_secret_value() for key in keys if key is not None}
    urls = [settings.database_url, settings.database_owner_url, settings.database_listen_url]
    for url in [*urls, *(settings.fanout_url or "").split(",")]:
        password = (url or "").rpartition("@")[0].partition("://")[2].partition(":")[2]
        found |= {password, unquote(password)}
    return sorted(found - _NO_SECRETS, key=len, reverse=True)


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
