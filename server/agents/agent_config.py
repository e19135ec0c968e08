"""The configuration of an agent by key: known keys have a type, others are any JSON.

max_call_duration ends an interaction (private.end_overlong), callback_url gets interaction.ended (jobs.py), which carries
custom_metadata; enable_recording is told to the agent, because what carries the call is what can record it.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from server.agents.mcp_tools import read_json, secret_names
from server.errors import Invalid
from server.kernel.db import Connection

MAX_CALL_DURATION, ENABLE_RECORDING = "max_call_duration", "enable_recording"
CALLBACK_URL, CUSTOM_METADATA = "callback_url", "custom_metadata"
KNOWN = (MAX_CALL_DURATION, ENABLE_RECORDING, CALLBACK_URL, CUSTOM_METADATA)
_LONGEST_CALL = 86_400  # seconds


def typed(fields: Mapping[str, str], faults: dict[str, str]) -> dict[str, Any]:
    """The configuration in the fields of a form, which have the names of the keys; an empty field is no key.

    `other` is a JSON object with further keys. Adds a sentence to `faults` for each field that cannot be used.
    """
    found: dict[str, Any] = {}
    if text := fields.get(MAX_CALL_DURATION, "").strip():
        if text.isascii() and text.isdigit() and 0 < int(text[:9]) <= _LONGEST_CALL:
            found[MAX_CALL_DURATION] = int(text)
        else:
            faults[MAX_CALL_DURATION] = f"A whole number of seconds, 1 to {_LONGEST_CALL}."
    if text := fields.get(ENABLE_RECORDING, ""):
        found[ENABLE_RECORDING] = text == "yes"
    if text := fields.get(CALLBACK_URL, "").strip():
        if text.startswith(("https://", "http://")) and " " not in text and "@" not in text.split("/")[2]:
            found[CALLBACK_URL] = text
        else:
            faults[CALLBACK_URL] = "An address that begins with https:// or http://, without a password."
    for name in (CUSTOM_METADATA, "other"):
        if not (text := fields.get(name, "").strip()):
            continue
        try:
            value = _object(text)
        except Invalid as fault:
            faults[name] = fault.detail
            continue
        if name == CUSTOM_METADATA:
            found[name] = value
        elif taken := value.keys() & {*KNOWN}:
            faults[name] = f"{', '.join(sorted(taken))} has a field of its own."
        else:
            found |= value
    return found


def _object(text: str) -> dict[str, Any]:
    """A JSON object without secrets. Invalid with a sentence."""
    value = read_json(text)
    if not isinstance(value, dict):
        raise Invalid('A JSON object, such as {"campaign": "spring"}.')
    if secrets := secret_names(value):
        raise Invalid(
            f"{secrets[0]} is the name of a secret. Everybody who sees the agent sees its configuration."
        )
    return value


async def read(connection: Connection, agent_id: UUID) -> dict[str, Any]:
    """The configuration of an agent by key; empty for none."""
    rows = await connection.fetch(
        "select config_key, config_value from public.agent_config where agent_id = $1 order by config_key",
        agent_id,
    )
    return {row["config_key"]: row["config_value"] for row in rows}


async def replace(connection: Connection, agent_id: UUID, config: Mapping[str, Any]) -> None:
    """Make this the whole configuration of the agent. Invalid for a value that its key does not take."""
    await connection.execute(
        "delete from public.agent_config where agent_id = $1 and config_key <> all ($2)",
        agent_id,
        [*config],
    )
    for key, value in config.items():
        await connection.execute(
            """insert into public.agent_config as c (agent_id, config_key, config_value) values ($1, $2, $3)
            on conflict (agent_id, config_key) do update set config_value = excluded.config_value
            where c.config_value is distinct from excluded.config_value""",
            agent_id,
            key,
            value,
        )
