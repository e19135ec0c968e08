"""Tools of agents: what they take, where they are, and who decides about their use."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from server.agents.mcp_tools import address_fault, read_schema
from server.errors import Invalid, NotFound
from server.kernel.db import Connection, Record, lengths

MODES = {
    "runs": "Runs freely",
    "shown": "Is shown",
    "asks": "Asks first",
    "refused": "Is refused",
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
AUTH_TYPES = {"none": "none", "bearer": "bearer token", "api_key": "API key", "basic": "user and password"}
TYPES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "yes or no",
    "array": "list",
    "object": "object",
}
ROWS = 5  # that a form shows at least
_MOST_ROWS = 40
_COLUMNS = (
    "tool_name", "description", "input_schema", "tool_config", "mode", "undo_seconds", "idempotent", "limit_argument",
    "asks_above", "refuses_above", "uses_per_interaction",
)  # fmt: skip
_CONFIG = ("endpoint", "method", "auth_type", "timeout", "retry_count")
_AMOUNT = re.compile(r"[0-9]{1,14}(,[0-9]{1,2}|\.[0-9]{1,6})?")  # 1,000 could be a thousand or one


@dataclass(slots=True)
class ToolDraft:
    """The fields of a tool's form as text; `faults` has a sentence for each that is refused."""

    fields: dict[str, str]
    schema: dict[str, Any] | None = None  # as it was, so that editing the fields loses no other keyword
    faults: defaultdict[str, str] = field(default_factory=lambda: defaultdict(str))

    @classmethod
    def of(cls, tool: Record | None) -> "ToolDraft":
        """The form of this tool, or of a new one."""
        row: Mapping[str, Any] = (
            dict(tool) if tool else {"mode": "asks", "undo_seconds": 0, "idempotent": False}
        )
        config = row.get("tool_config") or {}
        given = config.get("params")
        params = given if isinstance(given, dict) else {}
        schema = row.get("input_schema")
        texts = {name: row.get(name) for name in _COLUMNS if name not in ("input_schema", "tool_config")}
        texts |= {name: config.get(name) for name in _CONFIG[:3]}
        texts |= {"timeout": params.get("timeout"), "retry_count": params.get("retry_count")}
        fields = {name: "" if value is None else str(value) for name, value in texts.items()}
        fields["idempotent"] = "yes" if row["idempotent"] else ""
        fields["schema"] = json.dumps(schema, indent=2, ensure_ascii=False) if schema else ""
        fields["edited"] = "fields" if schema is None or _is_plain(schema) else "json"
        return cls(fields | _rows(schema), schema)

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of the schema's fields, with empty ones for more."""
        given = [row for number in range(_MOST_ROWS) if (row := self._row(number))["name"]]
        return given + [self._row(-1)] * min(max(2, ROWS - len(given)), _MOST_ROWS - len(given))

    def _row(self, number: int) -> dict[str, str]:
        return {
            part: self.fields.get(f"field_{part}_{number}", "").strip()
            for part in ("name", "type", "required", "description", "was")
        }

    def read(self, sent: Mapping[str, str]) -> None:
        """Take over what was sent. A box that is not ticked is not sent."""
        self.fields = (
            dict.fromkeys((*_COLUMNS, *_CONFIG, "schema"), "")
            | {"edited": "fields"}
            | {name: value.replace("\r\n", "\n").strip() for name, value in sent.items() if name != "secret"}
        )

    @property
    def values(self) -> dict[str, Any]:
        """The values for the table. Adds a fault for each that cannot be used."""
        get = self.fields.get
        name = get("tool_name", "")
        if not name or len(name) > lengths.NAME or "\x00" in name:
            self.faults["tool_name"] = f"1 to {lengths.NAME} characters."
        if len(get("description", "")) > lengths.TOOL_DESCRIPTION:
            self.faults["description"] = f"{lengths.TOOL_DESCRIPTION:,} characters at most."
        if get("mode") not in MODES:
            self.faults["mode"] = "Choose one."
        return {
            "tool_name": name,
            "description": get("description") or None,
            "input_schema": self._schema(),
            "tool_config": self._config(),
            "mode": get("mode"),
            "undo_seconds": self._whole("undo_seconds", 0, 300) or 0,
            "idempotent": get("idempotent") == "yes",
            **self._limits(),
        }

    def _limits(self) -> dict[str, Any]:
        asks, refuses = self._amount("asks_above"), self._amount("refuses_above")
        argument = self.fields.get("limit_argument", "") or None
        if (asks is not None or refuses is not None) and argument is None:
            self.faults["limit_argument"] = "Which argument do the limits compare?"
        elif argument is not None and asks is None and refuses is None:
            argument = None
        if asks is not None and refuses is not None and refuses < asks:
            self.faults["refuses_above"] = "This is below the amount from which it asks."
        if asks is not None and self.fields.get("mode") == "refused":
            self.faults["asks_above"] = "A tool that is refused runs for no amount."
        return {
            "limit_argument": argument,
            "asks_above": asks,
            "refuses_above": refuses,
            "uses_per_interaction": self._whole("uses_per_interaction", 1, 1000),
        }

    def _whole(self, name: str, least: int, most: int) -> int | None:
        text = self.fields.get(name, "")
        if not text:
            return None
        if text.isascii() and text.isdigit() and least <= int(text[:9]) <= most:
            return int(text)
        self.faults[name] = f"A whole number, {least} to {most}."
        return None

    def _amount(self, name: str) -> Decimal | None:
        text = self.fields.get(name, "")
        if not text:
            return None
        if _AMOUNT.fullmatch(text):
            return Decimal(text.replace(",", "."))
        self.faults[name] = "An amount such as 20 or 19.90."
        return None

    def _config(self) -> dict[str, Any] | None:
        get = self.fields.get
        endpoint, params = get("endpoint", ""), dict[str, Any]()
        if endpoint and (fault := address_fault(endpoint)):
            self.faults["endpoint"] = fault
        if (seconds := self._whole("timeout", 1, 600)) is not None:
            params["timeout"] = seconds
        if (count := self._whole("retry_count", 0, 10)) is not None:
            params["retry_count"] = count
        if get("method", "") not in ("", *METHODS):
            self.faults["method"] = "Choose one."
        if get("auth_type", "") not in ("", *AUTH_TYPES):
            self.faults["auth_type"] = "Choose one."
        config = {
            "endpoint": endpoint,
            "method": get("method") if endpoint else "",
            "auth_type": get("auth_type") if endpoint and get("auth_type") != "none" else "",
            "params": params,
        }
        return {name: value for name, value in config.items() if value} or None

    def _schema(self) -> dict[str, Any] | None:
        if self.fields.get("edited") == "json":
            text = self.fields.get("schema", "")
            if not text:
                return None
            try:
                return read_schema(text)
            except Invalid as fault:
                self.faults["schema"] = fault.detail
                return None
        if self.fields.get(f"field_name_{_MOST_ROWS}"):
            self.faults["fields"] = f"{_MOST_ROWS} fields at most; a JSON Schema may have more."
        old = dict(self.schema or {})
        given = old.get("properties")
        known = given if isinstance(given, dict) else {}
        properties, required = dict[str, Any](), list[str]()
        for number in range(_MOST_ROWS):
            row = self._row(number)
            if not row["name"]:
                if row["description"] or row["required"]:
                    self.faults["fields"] = "A field has no name."
                continue
            if row["type"] not in TYPES or row["name"] in properties or len(row["name"]) > lengths.NAME:
                self.faults["fields"] = f"The field {row['name'][:40]} has no type, or comes twice."
                continue
            was = known.get(row["was"] or row["name"])
            kept = dict(was) if isinstance(was, dict) and was.get("type") == row["type"] else {}
            kept |= {"type": row["type"], "description": row["description"]}
            properties[row["name"]] = {key: value for key, value in kept.items() if value != ""}
            if row["required"] == "yes":
                required.append(row["name"])
        if not properties and not old:
            return None
        schema = {**old, "type": "object", "properties": properties, "required": required}
        return {key: value for key, value in schema.items() if key != "required" or value}


def _is_plain(schema: Mapping[str, Any]) -> bool:
    """Whether rows of name, type and description can show it."""
    properties = schema.get("properties", {})
    return (
        isinstance(properties, dict)
        and len(properties) <= _MOST_ROWS
        and all(isinstance(one, dict) and one.get("type") in TYPES for one in properties.values())
    )


def _rows(schema: Mapping[str, Any] | None) -> dict[str, str]:
    if schema is None or not _is_plain(schema):
        return {}
    required = schema.get("required", [])
    rows = dict[str, str]()
    for number, (name, one) in enumerate(schema.get("properties", {}).items()):
        values = {
            "name": name,
            "was": name,
            "type": one["type"],
            "required": "yes" if name in required else "",
            "description": str(one.get("description", "")),
        }
        rows |= {f"field_{part}_{number}": value for part, value in values.items()}
    return rows


async def listed(connection: Connection, agent_id: UUID) -> Sequence[Record]:
    """The tools of an agent by name, with what the last 30 days brought."""
    return await connection.fetch(
        """
        with brought as (
          select t.tool_name, count(*) as asked, count(*) filter (where t.status = 'denied') as denied,
            count(*) filter (where t.status = 'timeout') as expired
          from public.tool_permissions t where t.agent_id = $1 and t.requested_at > now() - interval '30 days'
          group by t.tool_name)
        select g.id, g.tool_name, g.description, g.input_schema, g.tool_config, g.mode, g.undo_seconds, g.idempotent,
          g.secret_set_at, g.limit_argument, g.asks_above, g.refuses_above, g.uses_per_interaction,
          coalesce(b.asked, 0) as asked, coalesce(b.denied, 0) as denied, coalesce(b.expired, 0) as expired
        from public.agent_tools g left join brought b on b.tool_name = g.tool_name
        where g.agent_id = $1 order by lower(g.tool_name) collate "C"
        """,
        agent_id,
    )


async def find(connection: Connection, agent_id: UUID, tool_id: UUID) -> Record:
    """One tool of an agent. NotFound."""
    for tool in await listed(connection, agent_id):
        if tool["id"] == tool_id:
            return tool
    raise NotFound("There is no such tool.")


async def denials(connection: Connection, agent_id: UUID, tool_name: str) -> Sequence[Record]:
    """The last three denials by a person within 30 days, newest first; `total` is the number of all."""
    return await connection.fetch(
        """select responded_by_name, reason, responded_at, count(*) over () as total from public.tool_permissions
        where agent_id = $1 and tool_name = $2 and status = 'denied' and rule is null
          and requested_at > now() - interval '30 days' order by responded_at desc limit 3""",
        agent_id,
        tool_name,
    )


async def save(
    connection: Connection, agent_id: UUID, tool_id: UUID | None, values: Mapping[str, Any]
) -> UUID:
    """Add a tool, or change one; return its id. NotFound; Conflict when the agent has another tool of this name."""
    names = [*values]
    if tool_id is None:
        places = ", ".join(f"${n + 2}" for n in range(len(names)))
        made: UUID = await connection.fetchval(
            f"""insert into public.agent_tools (agent_id, requires_permission, {", ".join(names)})
            values ($1, ${names.index("mode") + 2} in ('asks', 'refused'), {places}) returning id""",
            agent_id,
            *values.values(),
        )
        return made
    assignments = ", ".join(f"{name} = ${n + 3}" for n, name in enumerate(names))
    changed: UUID | None = await connection.fetchval(
        f"update public.agent_tools set {assignments} where agent_id = $1 and id = $2 returning id",
        agent_id,
        tool_id,
        *values.values(),
    )
    if changed is None:
        raise NotFound("There is no such tool.")
    return changed


async def keep_secret(connection: Connection, tool_id: UUID, sealed: bytes | None) -> None:
    """Keep a sealed secret for the endpoint of a tool, or none."""
    await connection.execute(
        """update public.agent_tools set sealed_secret = $2, secret_set_at = case when $2::bytea is not null then now() end
        where id = $1""",
        tool_id,
        sealed,
    )


async def remove(connection: Connection, agent_id: UUID, tool_id: UUID) -> None:
    """Remove a tool. Later requests for it are of an unknown tool and always ask. NotFound."""
    gone = await connection.fetchval(
        "delete from public.agent_tools where agent_id = $1 and id = $2 returning id", agent_id, tool_id
    )
    if gone is None:
        raise NotFound("There is no such tool.")
