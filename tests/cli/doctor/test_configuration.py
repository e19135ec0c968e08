"""The settings alone: each mistake is a sentence, and the good ones are used all the same."""

import pytest

from server.cli.doctor import configuration
from server.settings import Settings, found
from tests.cli.doctor.conftest import bad, one
from tests.cli.doctor.conftest import found as findings_of

HOSTED = {
    "SUPABASE_URL": "https://x.supabase.co",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz",
    "DATABASE_URL": "postgresql://floorwalker_web@db/postgres",
    "PUBLIC_URL": "https://floor.example.com",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


async def looked(environment: pytest.MonkeyPatch, **given: str) -> list[str]:
    for name, value in given.items():
        environment.setenv(name, value)
    return await findings_of(configuration.check(*found()))


async def test_all_is_well(environment: pytest.MonkeyPatch) -> None:
    assert one(await looked(environment), "✓ the settings are complete: embedded")
    findings = await looked(environment, **HOSTED)
    assert not bad(findings)
    one(findings, "a hosted project, https://x.supabase.co")
    one(findings, "SECRET_KEY is long enough (36 characters)")
    one(findings, "PUBLIC_URL is https")


async def test_every_mistake_is_said_and_the_rest_is_used(environment: pytest.MonkeyPatch) -> None:
    wrong = {
        "PORT": "no",
        "SECRET_KEY": "short",
        "SUPABASE_PUBLISHABLE_KEY": "two words",
        "FANOUT_URL": "http://x",
    }
    findings = await looked(environment, **{**HOSTED, **wrong})
    assert {finding.split(":")[0] for finding in bad(findings)} == {f"✗ {name}" for name in wrong}
    one(findings, "it has 5 characters and needs 32 or more", "openssl rand")
    settings, _ = found()
    assert (settings.port, settings.secret_key, settings.database_url) == (8000, None, HOSTED["DATABASE_URL"])


async def test_settings_that_contradict_each_other(environment: pytest.MonkeyPatch) -> None:
    findings = await looked(environment, **{**HOSTED, "METRICS_HOURS": "49", "ARCHIVE_DAYS": "2"})
    one(findings, "✗", "METRICS_HOURS (49) is more than ARCHIVE_DAYS")


async def test_half_a_project(environment: pytest.MonkeyPatch) -> None:
    findings = await looked(
        environment, SUPABASE_URL="https://x.supabase.co", PUBLIC_URL=HOSTED["PUBLIC_URL"]
    )
    assert bad(findings) == [one(findings, "✗ SUPABASE_URL is set but DATABASE_URL", "set all of")]
    settings, _ = found()
    assert settings.supabase_url == "https://x.supabase.co"


async def test_an_older_name_is_a_name(environment: pytest.MonkeyPatch) -> None:
    findings = await looked(environment, SUPABASE_ANON_KEY="two words")
    one(findings, "✗ SUPABASE_PUBLISHABLE_KEY: this is not a key of Supabase")


def test_blanks_around_a_key_are_none_of_it(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SUPABASE_SECRET_KEY", " sb_secret_x\r\n")
    secret = found()[0].supabase_secret_key
    assert secret is not None
    assert secret.get_secret_value() == "sb_secret_x"


async def test_a_secret_that_is_easily_guessed(environment: pytest.MonkeyPatch) -> None:
    findings = await looked(environment, **{**HOSTED, "SECRET_KEY": "ab" * 20})
    assert bad(findings) == [one(findings, "! SECRET_KEY has only 2 different characters")]
    assert "abab" not in findings[1]


@pytest.mark.parametrize(
    ("host", "public_url", "mark"),
    [
        ("127.0.0.1", "https://floor.example.com", "✓"),
        ("0.0.0.0", "https://floor.example.com", "✓"),
        ("127.0.0.1", "", "!"),
        ("127.0.0.1", "http://localhost:8000", "!"),
        ("127.0.0.1", "http://floor.example.com", "✗"),
        ("0.0.0.0", "http://floor.example.com", "✗"),
        ("0.0.0.0", "http://localhost", "✗"),
        ("0.0.0.0", "", "✗"),
    ],
)
async def test_people_come_over_https(
    environment: pytest.MonkeyPatch, host: str, public_url: str, mark: str
) -> None:
    findings = await looked(environment, **{**HOSTED, "HOST": host, "PUBLIC_URL": public_url})
    assert one(findings, "PUBLIC_URL").startswith(mark)


async def test_an_embedded_one_that_listens_to_the_world(environment: pytest.MonkeyPatch) -> None:
    findings = await looked(environment, HOST="0.0.0.0")
    assert bad(findings) == [one(findings, "✗ PUBLIC_URL is not set and HOST is 0.0.0.0")]


async def test_a_project_asked_in_clear(environment: pytest.MonkeyPatch) -> None:
    findings = await looked(environment, **{**HOSTED, "SUPABASE_URL": "http://x.supabase.co"})
    assert bad(findings) == [one(findings, "✗ SUPABASE_URL is http://x.supabase.co", "https")]
    assert not bad(await looked(environment, SUPABASE_URL="http://127.0.0.1:54321"))


async def test_a_proxy_that_nobody_trusts(environment: pytest.MonkeyPatch) -> None:
    findings = await looked(environment, **HOSTED, TRUSTED_PROXIES="none")
    assert bad(findings) == [one(findings, "! PUBLIC_URL is set and TRUSTED_PROXIES is none")]
