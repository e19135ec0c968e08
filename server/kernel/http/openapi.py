"""The OpenAPI 3.1 document of the agent API, made from the same calls and models that serve it."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from server.kernel.http.agent_api import IDEMPOTENCY_KEY, PREFIX, Call, Problem

_REFERENCE = "#/components/schemas/{model}"
_REFUSALS = {
    401: "No key, or one that is unknown, revoked, or of a retired agent.",
    404: "There is no such thing, or it is another agent's.",
    409: "It is not in a state that allows this.",
    413: "The body is larger than 256 KiB.",
    415: "The body is a form in another character set than UTF-8.",
    422: "A value cannot be used; `errors` names each place in the body.",
    429: "Too many requests: send it again after the seconds of Retry-After.",
    503: "The database does not answer: send it again after the seconds of Retry-After.",
}
_KEY_USED = (
    "The Idempotency-Key is malformed, or was used for another request (another address or another body)."
)
_RETRY_AFTER = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}}
_REPLAYED = {
    "Idempotent-Replayed": {
        "description": "The answer is that of an earlier request with this key.",
        "schema": {"const": "true"},
    }
}


def document(calls: Sequence[Call], title: str, version: str) -> dict[str, Any]:
    """The document of these calls: parameters, bodies, answers and refusals."""
    models: list[tuple[type[BaseModel], Any]] = [(Problem, "serialization")]
    models += [(call.answer, "serialization") for call in calls]
    schemas, definitions = models_json_schema(list(dict.fromkeys(models)), ref_template=_REFERENCE)
    components: dict[str, Any] = dict(definitions.get("$defs", {}))
    paths: dict[str, Any] = {}
    for call in calls:
        done: dict[str, Any] = {
            "description": "Done",
            "content": {"application/json": {"schema": schemas[(call.answer, "serialization")]}},
        }
        if call.takes_key:
            done["headers"] = _REPLAYED
        statuses = {401, 422, 429, 503, *call.refusals, *((413, 415) if call.body else ())}
        operation: dict[str, Any] = {
            "operationId": "-".join([call.method.lower(), *re.findall(r"\w+", call.path)]),
            "summary": call.summary,
            "parameters": _parameters(call),
            "responses": {
                str(call.status): done,
                **{str(status): _refusal(call, status) for status in sorted(statuses)},
            },
        }
        if call.body is not None and call.json_body is not None:
            model = TypeAdapter(call.body).json_schema(ref_template=_REFERENCE)
            components.update(model.pop("$defs", {}))
            components[call.body.__name__] = model
            body = call.json_body.schema({"$ref": _REFERENCE.format(model=call.body.__name__)})
            content = {"schema": body, "example": call.example}
            operation["requestBody"] = {"required": True, "content": {"application/json": content}}
        paths.setdefault(PREFIX + call.path, {})[call.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"agentKey": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"agentKey": []}],
    }


def _parameters(call: Call) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in call.path.split("/") if part.startswith("{")]
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for name in names
    ]
    for name, schema in (call.query or {}).items():
        found.append({"name": name, "in": "query", "schema": schema})
    if call.takes_key:
        found.append({"name": "Idempotency-Key", "in": "header", "schema": IDEMPOTENCY_KEY})
    return found


def _refusal(call: Call, status: int) -> dict[str, Any]:
    words = [_REFUSALS[status], (call.because or {}).get(status, "")]
    if status == 422 and call.takes_key:
        words.append(_KEY_USED)
    schema = {"$ref": _REFERENCE.format(model=Problem.__name__)}
    refusal: dict[str, Any] = {
        "description": " ".join(filter(None, words)),
        "content": {"application/problem+json": {"schema": schema}},
    }
    return refusal | ({"headers": _RETRY_AFTER} if status in {429, 503} else {})
