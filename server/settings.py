"""Every environment variable of Floorwalker, typed and documented. Nothing else reads the environment."""

import os
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SHORTEST_SECRET = 32  # characters of a key in SECRET_KEY
# What an admin may change on the Settings page, unless the environment says it; the database holds it (private.settings).
STORED = ("permission_seconds", "stale_seconds", "reap_seconds", "critical_below", "metrics_hours",
    "archive_days", "pending_per_agent", "reasons")  # fmt: skip
AUTH_PATH = "/auth/v1"  # of the Auth server, below the project's address


class Settings(BaseSettings):
    """All are optional. With none of the addresses set, the embedded PostgreSQL and Auth service are used."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="The port to listen on.")
    demo: bool = Field(True, description="0: make run does not play the demo contact centre.")
    floorwalker_home: Path = Field(Path(".floorwalker"), description="The folder of the embedded data.")
    database_url: str | None = Field(
        None, description="PostgreSQL for the web process, as role floorwalker_web."
    )
    database_owner_url: str | None = Field(
        None, description="PostgreSQL as its owner, for every command but serve. Default: DATABASE_URL."
    )
    database_listen_url: str | None = Field(
        None,
        description="A session connection for LISTEN, because a transaction pooler delivers no notifications. Default: DATABASE_URL.",
    )
    fanout_url: str | None = Field(
        None,
        description="NATS, for about ten web processes and more: nats://… or tls://user:password@…, several separated by commas. One process listens for all.",
    )
    supabase_url: str | None = Field(
        None,
        description="The Supabase project, for example https://x.supabase.co. Set it together with DATABASE_URL, SUPABASE_PUBLISHABLE_KEY and SECRET_KEY, or none of them.",
    )
    supabase_publishable_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY"),
        description="The public key of the project.",
    )
    supabase_secret_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
        description="The secret key of the project, with which people are invited and changed.",
    )
    supabase_jwt_secret: SecretStr | None = Field(
        None, description="The secret of a project that still signs tokens with HS256."
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Encrypts stored sessions; at least 32 characters, the same for every web process. Of several, separated by commas, the first encrypts and all decrypt. Embedded, it is made at the first start.",
    )
    public_url: str | None = Field(
        None,
        description="The address that people use when a proxy is in front, for example https://floor.example.com.",
    )
    trusted_proxies: str | None = Field(
        None,
        description="Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses or networks, separated by commas, or none. "
        "Default: this machine when PUBLIC_URL is set.",
    )
    permission_seconds: int = Field(
        360, ge=1, le=360, description="Seconds until a tool permission expires: six minutes at most."
    )
    stale_seconds: int = Field(
        20,
        ge=1,
        description="Seconds without a metric or a turn after which a card says that its agent is silent.",
    )
    critical_below: int = Field(
        40,
        ge=1,
        le=100,
        description="Satisfaction in % under which an interaction stands before those that go well.",
    )
    reap_seconds: int = Field(
        600,
        ge=1,
        description="Seconds without a metric, a turn or a request for a tool after which an interaction has failed.",
    )
    metrics_hours: int = Field(
        24, ge=1, description="Hours that metrics stay after the end of their interaction."
    )
    archive_days: int = Field(
        90, ge=1, description="Days that archives stay, and with them transcripts, numbers and arguments."
    )
    login_per_minute: int = Field(
        10,
        ge=1,
        description="Wrong passwords per minute for an account, from an address, or in a known browser.",
    )
    agent_per_second: int = Field(100, ge=1, description="Requests per second with one agent key.")
    pending_per_agent: int = Field(
        10,
        ge=1,
        le=1000,
        description="Requests of one agent that may wait for a decision at once; one more is refused with 429.",
    )
    reasons: str = Field(
        "Wrong amount or details; Confirm with the customer first; Not allowed by policy",
        description="The reasons that a denial offers, separated by semicolons: at most 12 of at most 100 characters.",
    )
    webhooks_private: bool = Field(
        False,
        description="1: events are also sent to addresses of private networks and of this machine. Otherwise they are refused.",
    )
    vapid_private_key: SecretStr | None = Field(
        None,
        description="The key with which signals are sent to browsers by web push (VAPID), as floorwalker push-key prints it. Without it there is no web push.",
    )
    vapid_subject: str | None = Field(
        None,
        description="Whom a push service writes to about the messages, for example mailto:ops@example.com; together with VAPID_PRIVATE_KEY.",
    )
    drill_minutes: int = Field(
        60,
        ge=0,
        le=1440,
        description="Minutes on average after which a supervisor who is due a drill gets it; 0: at once.",
    )
    streams_per_account: int = Field(
        20,
        ge=1,
        description="Live pages of one account per web process. With one more, the oldest stops and says so.",
    )

    @property
    def offered_reasons(self) -> list[str]:
        """The reasons that a denial offers, as the environment or the default says."""
        return _reasons(self.reasons)

    @property
    def fixed(self) -> dict[str, str]:
        """The stored settings that the environment says, as text; an admin cannot change these."""
        return {name: _as_text(getattr(self, name)) for name in STORED if name in self.model_fields_set}

    @classmethod
    def initial(cls) -> dict[str, str]:
        """What the stored settings are while nobody says anything, as text."""
        return {name: _as_text(cls.model_fields[name].default) for name in STORED}

    @field_validator("vapid_private_key")
    @classmethod
    def _is_a_key(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and not re.fullmatch(r"[\w-]{43}=?", given.get_secret_value(), re.ASCII):
            raise ValueError("this is not 32 bytes in base64url: make a key with floorwalker push-key")
        return given

    @field_validator("reasons")
    @classmethod
    def _few_reasons(cls, text: str) -> str:
        found = [part.strip() for part in text.split(";")]
        if len(found) > 12 or any(len(one) > 100 for one in found):
            raise ValueError("must have at most 12 reasons of at most 100 characters")
        return text

    _of_home: bool = False

    @property
    def embedded(self) -> bool:
        """Whether the embedded PostgreSQL and Auth service are used."""
        return self._of_home or (self.database_url is None and self.supabase_url is None)

    def completed(self, **values: object) -> Self:
        """With the addresses and keys that the embedded services have."""
        complete = self.model_copy(update=values)
        complete._of_home = True  # noqa: SLF001 - of this class
        return complete

    @property
    def alone(self) -> bool:
        """Whether only this machine reaches the server, as far as it knows."""
        return self.host in LOOPBACK and self.public_url is None

    @property
    def hosted(self) -> dict[str, object]:
        """The settings that a hosted project needs all of."""
        return {
            "DATABASE_URL": self.database_url,
            "SUPABASE_URL": self.supabase_url,
            "SUPABASE_PUBLISHABLE_KEY": self.supabase_publishable_key,
            "SECRET_KEY": self.secret_key,
        }

    @property
    def here(self) -> str:
        """The address of the server for this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - of all addresses, one of this machine
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def address(self) -> str:
        """The address of the server for people, with which links in e-mails begin."""
        return (self.public_url or self.here).rstrip("/")

    @property
    def auth_url(self) -> str:
        """The address of the Auth server. SUPABASE_URL must be known."""
        assert self.supabase_url is not None
        return self.supabase_url.rstrip("/") + AUTH_PATH

    @property
    def proxies(self) -> list[str]:
        """The proxies that are believed; IPv4 networks also in the form that an IPv6 socket reports."""
        given = self.trusted_proxies or ("127.0.0.1,::1" if self.public_url else "none")
        networks = [ip_network(one.strip()) for one in given.split(",") if given != "none"]
        mapped = [f"::ffff:{n.network_address}/{96 + n.prefixlen}" for n in networks if n.version == 4]
        return [*map(str, networks), *mapped]

    @field_validator("host")
    @classmethod
    def _one_spelling(cls, given: str) -> str:
        try:
            return str(ip_address(given.strip().strip("[]")))
        except ValueError:
            return given.strip().lower()

    @field_validator("supabase_publishable_key", "supabase_secret_key")
    @classmethod
    def _one_word(cls, given: SecretStr | None) -> SecretStr | None:
        # A blank or a line end from copying would make an illegal header, whose error message shows the key.
        if given is None:
            return None
        key = given.get_secret_value().strip()
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError(
                "this is not a key of Supabase: copy it again, without anything before or after it"
            )
        return SecretStr(key)

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and len(given.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(
                f"it has {len(given.get_secret_value())} characters and needs {SHORTEST_SECRET} or more: "
                "make one with `openssl rand -base64 48`, the same for every web process"
            )
        return given

    @field_validator("public_url")
    @classmethod
    def _origin_only(cls, given: str | None) -> str | None:
        if given is None:
            return None
        try:
            place = urlsplit(given.strip())
            good = place.scheme in ("http", "https") and place.hostname and place.port != 0
        except ValueError:
            good = False
        if not good or place.path.strip("/") or place.query or place.fragment or "@" in place.netloc:
            raise ValueError(
                "this is not the address of a site: write https://floor.example.com with nothing after it"
            )
        return f"{place.scheme}://{place.netloc.lower()}"

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: str | None) -> str | None:
        for one in given.split(",") if given not in (None, "none") else ():
            try:
                ip_network(one.strip())
            except ValueError:
                raise ValueError(
                    f"{one.strip()!r} is neither an address nor a network: write 10.0.0.7 or 10.0.0.0/8, several with commas, "
                    "or none"
                ) from None
        return given

    @field_validator("fanout_url")
    @classmethod
    def _addresses(cls, given: str | None) -> str | None:
        for address in given.split(",") if given is not None else ():
            try:
                place = urlsplit(address.strip())
                good = place.scheme in ("nats", "tls") and place.hostname and place.port != 0
            except ValueError:  # a port that is too large, or a malformed host
                good = False
            if not good or place.path.strip("/") or place.query or place.fragment:
                raise ValueError(
                    "this is not an address of NATS: write nats://host:4222 or tls://user:password@host:4222, "
                    "several with commas between them, special characters of a password as %40"
                )
        return given

    @model_validator(mode="after")
    def _in_their_order(self) -> Self:
        if self.metrics_hours > 24 * self.archive_days:
            raise ValueError(
                f"METRICS_HOURS ({self.metrics_hours}) is more than ARCHIVE_DAYS ({self.archive_days} days, "
                f"{24 * self.archive_days} hours): metrics would be kept longer than the archive of their interaction"
            )
        if self.stale_seconds >= self.reap_seconds:
            raise ValueError(
                f"STALE_SECONDS ({self.stale_seconds}) must be less than REAP_SECONDS ({self.reap_seconds}): "
                "an interaction would end before its card says that it is silent"
            )
        known = re.fullmatch(r"(mailto:[^\s@]+@|https://)\S+", self.vapid_subject or "")
        if (self.vapid_private_key, self.vapid_subject) != (None, None) and not (
            known and self.vapid_private_key
        ):
            raise ValueError("web push needs VAPID_PRIVATE_KEY and VAPID_SUBJECT, which is mailto: or https:")
        return self

    @model_validator(mode="after")
    def _whole_or_nothing(self) -> Self:
        if self.embedded:
            return self
        hosted = self.hosted
        if missing := [name for name, value in hosted.items() if value is None]:
            given = [name for name, value in hosted.items() if value is not None]
            raise ValueError(
                f"{', '.join(given)} is set but {', '.join(missing)} is not: set all of "
                f"{', '.join(hosted)} for a hosted project, or none for the embedded default"
            )
        return self


def _reasons(text: str) -> list[str]:
    lines = ("".join(one if one.isprintable() else " " for one in part) for part in text.split(";"))
    return [one for line in lines if (one := " ".join(line.split()))]


def _as_text(value: int | str) -> str:
    return "\n".join(_reasons(value)) if isinstance(value, str) else str(value)


class Incomplete(Settings):
    """The settings as they are, complete or not, for doctor."""

    @model_validator(mode="after")
    def _in_their_order(self) -> Self:
        return self

    @model_validator(mode="after")
    def _whole_or_nothing(self) -> Self:
        return self


def load() -> Settings:
    """Read the environment. A wrong value ends the process with one sentence instead of a traceback."""
    try:
        return Settings()
    except ValidationError as error:
        raise SystemExit(f"floorwalker: {_sentences(error)[0]}.") from None


def found() -> tuple[Settings, list[str]]:
    """The usable settings, and a sentence for each wrong one."""
    wrong: list[str] = []
    instead: dict[str, Any] = {}
    while True:
        try:
            usable = Incomplete(**instead)
            break
        except ValidationError as error:
            wrong += _sentences(error)
            names = [_FIELDS[str(fault["loc"][0]).upper()] for fault in error.errors()]
            instead |= {name: Settings.model_fields[name].default for name in names}
    if any(name.upper() in usable.hosted for name in instead):
        return usable, wrong  # it is set, if wrong, so it is not called missing
    try:
        return Settings(**instead), wrong
    except ValidationError as error:
        return usable, wrong + _sentences(error)


def _sentences(error: ValidationError) -> list[str]:
    said = [(fault["loc"][:1], fault["msg"].removeprefix("Value error, ")) for fault in error.errors()]
    return [": ".join([*(str(part).upper() for part in name), words]) for name, words in said]


def names_of(name: str) -> list[str]:
    """The variables that say a setting: the present name, then older ones."""
    alias = Settings.model_fields[name].validation_alias
    return [str(one) for one in alias.choices] if isinstance(alias, AliasChoices) else [name.upper()]


_FIELDS = {alias: name for name in Settings.model_fields for alias in names_of(name)}


def inherited(**more: str) -> dict[str, str]:
    """The environment of this process with additions, for a program that it starts."""
    return {**os.environ, **more}
