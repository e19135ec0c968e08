"""Tools in the JSON of the specification, agents.mcp_tools: read, checked, imported and exported; and their JSON Schemas."""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from server.errors import Conflict, Invalid
from server.kernel.db import Connection, Record, lengths

_LONGEST_SCHEMA = 50_000
_SECRET_NAME = re.compile(
    r"(secret|password|passwd|token|api[-_]?key|credential|authorization)$", re.IGNORECASE
)
_MOST_TOOLS = 200
_DEEPEST = 60  # levels of JSON
_LARGE = 10**12  # an example needs no larger number
_LONGEST_ADDRESS = 2000


def address_fault(address: str) -> str | None:
    """Why this is not the address of an endpoint; None when it is."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or len(address) > _LONGEST_ADDRESS or any(c.isspace() or c < " " for c in address):
        return "An address that begins with https:// or http://."
    if "@" in parts.netloc:
        return "An address without a user and a password: those belong into the secret."
    return None


def read_json(text: str) -> Any:
    """A JSON text that the database can store. Invalid with a sentence."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        plain = json.dumps(value, ensure_ascii=False, allow_nan=False)
        plain.encode()
    except json.JSONDecodeError as fault:
        raise Invalid(f"This is not JSON: line {fault.lineno}, column {fault.colno}: {fault.msg}.") from None
    except UnicodeEncodeError:
        raise Invalid("This is not JSON that can be stored: a text has half of a surrogate pair.") from None
    except RecursionError:
        raise Invalid("This is not JSON that can be stored: it is nested too deeply.") from None
    except ValueError as fault:
        why = str(fault) if isinstance(fault, _Constant) else "a number is too large"
        raise Invalid(f"This is not JSON that can be stored: {why}.") from None
    if _depth(value) > _DEEPEST:
        raise Invalid("This is not JSON that can be stored: it is nested too deeply.")
    if "\\u0000" in plain:
        raise Invalid("This is not JSON that can be stored: a text has the character NUL.")
    return value


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level := [
        inner
        for one in level
        if isinstance(one, dict | list)
        for inner in (one.values() if isinstance(one, dict) else one)
    ]:
        depth += 1
    return depth


class _Constant(ValueError):
    """NaN or Infinity, which JSON has not."""


def _refuse_constant(name: str) -> None:
    raise _Constant(f"{name} is no number of JSON")


def read_schema(text: str) -> dict[str, Any]:
    """A JSON Schema of an object. Invalid, with a sentence, for any other text."""
    if len(text) > _LONGEST_SCHEMA:
        raise Invalid(f"A schema has {_LONGEST_SCHEMA:,} characters at most.")
    schema = read_json(text)
    check_schema(schema)
    return dict(schema)


def check_schema(schema: Any) -> None:
    """Check a JSON Schema, draft 2020-12, of an object. Invalid with a sentence."""
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise Invalid('A schema of arguments is an object with "type": "object".')
    import jsonschema  # takes 4 MB, and most servers check no schema

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as fault:
        place = ".".join(map(str, fault.path)) or "the schema"
        raise Invalid(f"{place}: {fault.message[:200]}.") from None
    except RecursionError:
        raise Invalid("This schema is nested too deeply.") from None


async def exported(connection: Connection, agent_id: UUID) -> dict[str, Any]:
    """The tools in the JSON of the specification: {"tools": [{name, description, requires_permission, config, input_schema}]}."""
    found = await connection.fetchval("select mcp_tools from public.agents where id = $1", agent_id)
    return found or {"tools": []}


async def imported(
    connection: Connection, agent_id: UUID, text: str, *, all_of_them: bool, confirmed: bool
) -> int:
    """Write the tools in this JSON; return how many. Tools that it does not name stay, unless it is all of them.

    Fields that it does not give stay as they are. Invalid with a sentence when it is not the specification's JSON, or when a tool
    that asks would run without asking and that is not confirmed.
    """
    given = read_tools(text)
    names = {tool["name"] for tool in given}
    before = (await exported(connection, agent_id))["tools"]
    known = {tool["name"]: tool for tool in before}
    tools = [
        known.get(tool["name"], {}) | {key: value for key, value in tool.items() if value is not None}
        for tool in given
    ]
    loosened = [
        tool["name"]
        for tool in tools
        if tool.get("requires_permission") is False and known.get(tool["name"], {}).get("requires_permission")
    ]
    if loosened and not confirmed:
        raise Invalid(
            f"{', '.join(loosened)[:200]} asked a person until now and would run without asking. Tick the box to confirm that."
        )
    if not all_of_them:
        tools = [tool for tool in before if tool["name"] not in names] + tools
    if len(tools) > _MOST_TOOLS:
        raise Conflict(f"An agent has {_MOST_TOOLS} tools at most.")
    await connection.execute(
        "update public.agents set mcp_tools = $2 where id = $1", agent_id, {"tools": tools}
    )
    return len(given)


def read_tools(text: str) -> list[dict[str, Any]]:
    """The tools in the specification's JSON. Invalid with the place and a sentence."""
    value = read_json(text)
    tools = value.get("tools") if isinstance(value, dict) else value
    if not isinstance(tools, list):
        raise Invalid('This is not a list of tools: {"tools": [{"name": …, "requires_permission": …}]}.')
    if len(tools) > _MOST_TOOLS:
        raise Invalid(f"This has {len(tools)} tools; an agent has {_MOST_TOOLS} at most.")
    seen = set[str]()
    for number, tool in enumerate(tools, 1):
        if not isinstance(tool, dict):
            raise Invalid(f"Tool {number} is not an object.")
        name = tool.get("name")
        if not isinstance(name, str) or not 0 < len(name) <= lengths.NAME or "\x00" in name:
            raise Invalid(f"Tool {number} needs a name of 1 to {lengths.NAME} characters.")
        if name in seen:
            raise Invalid(f"Two tools have the name {name}.")
        seen.add(name)
        _check_tool(name, tool)
    return tools


def _check_tool(name: str, tool: Mapping[str, Any]) -> None:
    kinds = {"description": str, "requires_permission": bool, "config": dict, "input_schema": dict}
    for key, value in tool.items():
        if key != "name" and key not in kinds:
            raise Invalid(f"Tool {name} has {key!r}, which the tools of an agent do not have.")
        if key != "name" and value is not None and not isinstance(value, kinds[key]):
            words = {str: "a text", bool: "true or false", dict: "an object"}
            raise Invalid(f"{key} of tool {name} must be {words[kinds[key]]}.")
    if len(tool.get("description") or "") > lengths.TOOL_DESCRIPTION:
        raise Invalid(f"The description of tool {name} has more than {lengths.TOOL_DESCRIPTION} characters.")
    if tool.get("input_schema") is not None:
        try:
            check_schema(tool["input_schema"])
        except Invalid as fault:
            raise Invalid(f"input_schema of tool {name}: {fault.detail}") from None
    config = tool.get("config") or {}
    for key in ("endpoint", "method", "auth_type"):
        if not isinstance(config.get(key, ""), str):
            raise Invalid(f"{key} of tool {name} must be a text.")
    if config.get("endpoint") and (wrong := address_fault(config["endpoint"])):
        raise Invalid(f"endpoint of tool {name}: {wrong}")
    for key in secret_names(config):
        raise Invalid(
            f"config of tool {name} has {key!r}: a secret is kept sealed, so leave it out here and set it in the tool's form."
        )


def secret_names(value: Any) -> list[str]:
    """The names in this JSON whose values are secrets by their name."""
    found, left = list[str](), [value]
    while left:  # without recursion, because JSON may be nested deeper than Python's stack
        match left.pop():
            case dict() as inner:
                found += [name for name, one in inner.items() if _SECRET_NAME.search(name) and one]
                left += inner.values()
            case list() as inner:
                left += inner
    return found


def example(tool: Record) -> dict[str, Any]:
    """Arguments such as this tool takes, for the first call: the required ones, or the first ones."""
    schema = tool["input_schema"] or {}
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    names = [name for name in schema.get("required", []) if name in properties] or [*properties][:3]
    return {name: _example(name, properties[name], tool) for name in names}


def _example(name: str, schema: Any, tool: Record) -> Any:
    schema = schema if isinstance(schema, dict) else {}
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    match schema.get("type"):
        case "integer" | "number":
            floor: Any = schema.get("minimum", schema.get("exclusiveMinimum", 0))
            wanted: Any = tool["asks_above"] if name == tool["limit_argument"] and tool["asks_above"] else 11
            bounds: list[int] = [
                math.floor(one) + 1
                for one in (wanted, floor)
                if isinstance(one, int | float | Decimal) and -_LARGE < one < _LARGE
            ]
            whole: int = max(bounds, default=1)
            return whole if schema["type"] == "integer" else whole + 0.5
        case "boolean":
            return True
        case "array":
            return []
        case "object":
            return {}
        case _:
            return "A-1001"
