"""Tools of ai-sdr as agent_tools."""

import json
from typing import Any, TypeAlias
from uuid import UUID

from server.cli.sdr import values
from server.cli.sdr.file import Row
from server.cli.sdr.report import Outcome
from server.errors import Conflict, Invalid
from server.kernel.db import Connection

Schema: TypeAlias = dict[str, Any]
# A tool that a person made here under the same name is the same tool.
_KNOWN = """
select id, agent_id, tool_name, description, input_schema, tool_config from public.agent_tools
where id = $1 or agent_id = $2 and tool_name = $3 order by id = $1 desc limit 1
"""
_INSERT = """
insert into public.agent_tools (id, agent_id, tool_name, description, input_schema, tool_config, mode, created_at)
values ($1, $2, $3, $4, $5::text::jsonb, $6::text::jsonb, 'runs', coalesce($7, now()))
"""
_UPDATE = """
update public.agent_tools set tool_name = $2, description = $3, input_schema = $4::text::jsonb, tool_config = $5::text::jsonb
where id = $1
"""


async def write(
    connection: Connection, row: Row, agent_id: UUID, written: set[UUID]
) -> tuple[Outcome, list[str]]:
    """Write one tool of this agent, all but what people set here: mode, limits, secret. Its outcome and what changed.

    `written` are the tools of this import. ai-sdr lets an agent have two of the same name; the second is a Conflict.
    """
    tool_id = values.identifier(row, "tool_id")
    name, description = values.required(row, "name"), values.text(row, "description")
    schema, endpoint = _schema(row), values.text(row, "webhook_url")
    created_at = values.moment(row, "created_at")
    known = await connection.fetchrow(_KNOWN, tool_id, agent_id, name)
    if known is not None and known["id"] in written:
        raise Conflict("the agent has a tool of this name or id already")
    written.add(tool_id if known is None else known["id"])
    if known is None:
        config = {"endpoint": endpoint} if endpoint else None
        arguments = (tool_id, agent_id, name, description, _json(schema), _json(config), created_at)
        await connection.execute(_INSERT, *arguments)
        return "imported", []
    if known["agent_id"] != agent_id:
        raise Conflict("a tool of another agent has this id")
    before, had = _object(known["input_schema"]), _object(known["tool_config"])
    kept = {key: value for key, value in (had or {}).items() if key != "endpoint"}
    config = (kept | ({"endpoint": endpoint} if endpoint else {})) or None
    schema = before if before is not None and _contains(before, schema) else schema
    told = {
        "tool_name": (known["tool_name"], name),
        "description": (known["description"], description),
        "input_schema": (before, schema),
        "tool_config": (had or None, config),
    }
    changed = [column for column, (old, new) in told.items() if old != new]
    if not changed:
        return "unchanged", []
    await connection.execute(_UPDATE, known["id"], name, description, _json(schema), _json(config))
    return "changed", changed


def _schema(row: Row) -> Schema:
    """A JSON Schema with the parameters of required_params and optional_params."""
    needed, more = _parameters(row, "required_params"), _parameters(row, "optional_params")
    schema: Schema = {"type": "object", "properties": more | needed}
    if needed:
        schema["required"] = list(needed)
    return schema


def _parameters(row: Row, column: str) -> dict[str, dict[str, str]]:
    """Name → {type, description} as far as they are told, from a list of names or of objects with a name."""
    try:
        items = json.loads(values.text(row, column) or "[]")
    except (ValueError, RecursionError):
        raise Invalid(f"{column} is not JSON") from None
    if not isinstance(items, list):
        raise Invalid(f"{column} is not a list")
    found = {}
    for item in items:
        parameter = {"name": item} if isinstance(item, str) else item
        if not isinstance(parameter, dict) or not parameter.get("name"):
            raise Invalid(f"{column} is not a list of names or of objects with a name")
        told = {key: parameter[key] for key in ("name", "type", "description") if parameter.get(key)}
        if not all(isinstance(one, str) for one in told.values()):
            raise Invalid(f"{column} has a name, a type or a description that is no text")
        checked = {key: values.storable(one, column) for key, one in told.items()}
        found[checked.pop("name")] = checked
    return found


def _contains(schema: Schema, told: Schema) -> bool:
    """Whether the schema has these parameters and says of each what is told; a person may have written more."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or properties.keys() != told["properties"].keys():
        return False
    known = (properties[name] for name in told["properties"])
    says_all = (
        isinstance(one, dict) and more.items() <= {key: one.get(key) for key in more}.items()
        for one, more in zip(known, told["properties"].values(), strict=True)
    )
    return schema.get("required", []) == told.get("required", []) and all(says_all)


def _object(stored: str | None) -> dict[str, Any] | None:
    return None if stored is None else dict(json.loads(stored))


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
