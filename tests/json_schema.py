"""The part of JSON Schema that the OpenAPI document uses; an unknown keyword is an error."""

import datetime as dt
import re
from typing import Any

SAYS_NOTHING = {"title", "description", "default", "examples"}
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def takes(schema: Any, value: Any, document: dict[str, Any]) -> bool:
    """Whether the schema, whose references lead into the document, allows the value."""
    if schema is True or schema == {}:
        return True
    if "$ref" in schema:
        return takes(resolved(schema, document), value, document)
    return all(
        keyword in SAYS_NOTHING or holds(keyword, wanted, value, schema, document)
        for keyword, wanted in schema.items()
    )


def resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        node: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        schema = node
    return schema


def holds(keyword: str, wanted: Any, value: Any, schema: dict[str, Any], document: dict[str, Any]) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match keyword:
        case "type":
            return is_of(wanted, value)
        case "const":
            return bool(value == wanted)
        case "enum":
            return value in wanted
        case "not":
            return not takes(wanted, value, document)
        case "anyOf":
            return any(takes(one, value, document) for one in wanted)
        case "properties":
            return not isinstance(value, dict) or all(
                takes(one, value[name], document) for name, one in wanted.items() if name in value
            )
        case "required":
            return not isinstance(value, dict) or set(wanted) <= set(value)
        case "additionalProperties":
            return not isinstance(value, dict) or all(
                takes(wanted, value[name], document) if wanted is not False else False
                for name in set(value) - set(schema.get("properties", {}))
            )
        case "items":
            return not isinstance(value, list) or all(takes(wanted, one, document) for one in value)
        case "minItems" | "maxItems":
            return not isinstance(value, list) or within(keyword, wanted, len(value))
        case "minLength" | "maxLength":
            return not isinstance(value, str) or within(keyword, wanted, len(value))
        case "minimum" | "maximum":
            return not number or within(keyword, wanted, value)
        case "exclusiveMaximum":
            return not number or value < wanted
        case "pattern":
            return not isinstance(value, str) or re.search(wanted, value) is not None
        case "format":
            return not isinstance(value, str) or is_formatted(wanted, value)
    raise AssertionError(f"the keyword {keyword} is not known here")


def is_of(kind: str, value: Any) -> bool:
    match value:
        case None:
            return kind == "null"
        case bool():
            return kind == "boolean"
        case int():
            return kind in {"integer", "number"}
        case float():
            return kind == "number" or (kind == "integer" and value.is_integer())
        case str():
            return kind == "string"
        case list():
            return kind == "array"
    return kind == "object"


def within(keyword: str, wanted: float, number: float) -> bool:
    return number >= wanted if keyword.startswith("min") else number <= wanted


def is_formatted(name: str, text: str) -> bool:
    if name == "uuid":
        return UUID.fullmatch(text) is not None
    assert name == "date-time"
    try:
        return dt.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
