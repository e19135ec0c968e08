"""The form for an answer with a reason or with changed arguments: first the values, then what differs, then the decision."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from server.errors import Conflict, Invalid
from server.kernel import http
from server.kernel.db import lengths
from server.kernel.http import ArgumentRow, signed_in
from server.kernel.live import shown
from server.permissions import tool_permissions
from server.permissions.tool_grants_views import elsewhere, refused
from server.permissions.views import digest_of, refusal, tell_agent

_LARGEST = 32 * 1024  # bytes of arguments
_FIELDS = 100  # values with a field of their own; more are edited as JSON
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_FORM = "permissions/_answer.html"

Place = tuple[str | int, ...]


async def offer(request: Request) -> Response:
    """The form for a request; 409 with its card when it can no longer be decided."""
    row, _ = await _read(request)
    if row["status"] != "pending" or row["held_until"]:
        return refused(request, row, refusal(row))
    return _form(request, row, {})


async def answer(request: Request) -> Response:
    """`do` is as_is (allow the request), review (show what differs), edit (go back), allowed or denied (decide with the changes).

    Only the second step, which shows what differs, decides with changes. 200 with the form or the new card, 409 with the card as it is, 422 with the form and its fault.
    """
    fields = await http.form(request)
    row, schema = await _read(request)
    if row["status"] != "pending" or row["held_until"] or row["arguments_digest"] != digest_of(fields):
        return refused(request, row, refusal(row))
    base = asked = http.arguments(row["arguments"])
    try:
        if given := fields.get("changed") or fields.get("base"):
            base = _object(given)
        changed, do = _step(fields, base, asked)
        if changed is None:
            return await _decide(request, row, do, fields, None)
        if do == "edit":
            return _form(request, row, {"reason": fields.get("reason", "")}, base=changed)
        _check(changed, row, schema, do)
        if do == "review":
            return _form(request, row, fields, changed=changed)
        return await _decide(request, row, do, fields, changed)
    except (Invalid, Conflict) as fault:
        return _form(request, row, fields, base=base, fault=fault.detail)


def _step(
    fields: Mapping[str, str], base: dict[str, Any], asked: dict[str, Any]
) -> tuple[dict[str, Any] | None, str]:
    """The changed arguments, None for the request as it is, and what to do. Invalid.

    `base` are the arguments that the form was made with, `asked` those of the request: after a step back they differ.
    """
    if len(fields.get("reason", "")) > lengths.REASON:
        raise Invalid(f"A reason has {lengths.REASON} characters at most.")
    do = fields.get("do", "")
    if do == "as_is":
        if not _same(_changed(base, fields), asked):
            raise Invalid(
                "You have changed values. Review the changes, or put the values back to allow the request as it is."
            )
        return None, "allowed"
    if fields.get("changed"):
        return base, do if do in ("edit", "allowed", "denied") else "review"
    return _changed(base, fields), "review"


def _check(changed: dict[str, Any], row: Mapping[str, Any], schema: dict[str, Any] | None, do: str) -> None:
    """Invalid for changes that change nothing, that the tool does not take, or that the agent does not accept."""
    if http.json_digest(changed) == row["arguments_digest"]:
        raise Invalid("No value was changed. Allow the request as it is, or change a value first.")
    _fits(changed, schema)
    if do == "allowed" and not row["accepts_changes"]:
        raise Invalid("This agent takes no changed arguments. Deny the request, and propose them.")


async def _decide(
    request: Request,
    row: Mapping[str, Any],
    status: str,
    fields: Mapping[str, str],
    changed: dict[str, Any] | None,
) -> Response:
    permission_id = http.identifier(request.path_params["id"], "tool permission")
    reason = fields.get("reason", "").strip().replace("\x00", "")
    with request.state.recorder.giving_way():
        won, row = await tool_permissions.decide(
            request.state.db,
            request.state.viewer,
            permission_id,
            status,
            reason or None,
            row["arguments_digest"],
            changed,
        )
    tell_agent(request, permission_id)
    if not won:
        return refused(request, row, refusal(row))
    if request.headers.get("hx-request"):
        return HTMLResponse(elsewhere(row))
    return RedirectResponse("/", 303)


async def reasons(request: Request) -> Response:
    """The reasons that this person wrote lately, for the fields of the page."""
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        found = await tool_permissions.own_reasons(connection, http.offered_reasons())
    return http.fragment(request, "permissions/reasons.html", own=found)


async def _read(request: Request) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The row of the request's card, and the JSON Schema of its tool."""
    permission_id = http.identifier(request.path_params["id"], "tool permission")
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        row = await tool_permissions.card(connection, permission_id)
        return row, await tool_permissions.input_schema(connection, row) if row[
            "status"
        ] == "pending" else None


def _form(
    request: Request,
    row: dict[str, Any],
    fields: Mapping[str, str],
    *,
    base: dict[str, Any] | None = None,
    changed: dict[str, Any] | None = None,
    fault: str = "",
) -> Response:
    """The form with the values of `base`; with `changed`, the second step, which shows what differs and carries it on as JSON."""
    text = None if changed is None else json.dumps(changed, ensure_ascii=False)
    found = shown(row | {"changed_arguments": text})
    base = found["arguments"] if base is None else base
    leaves = [*_leaves(base)]
    values = [
        (
            number,
            _name(place),
            value,
            _kind(value),
            fields.get(f"value-{number}", http.argument(value)),
        )
        for number, (place, value) in enumerate(leaves[:_FIELDS])
    ]
    context = {
        "p": found,
        "values": values,
        "further": len(leaves[_FIELDS:]),
        "base": json.dumps(base, ensure_ascii=False),
        "json": fields.get("json") or _pretty(base),
        "fields": fields,
        "fault": fault,
        "changed": text,
        "differing": [one for one in _rows(changed, found["arguments"]) if one.change],
    }
    status = 422 if fault else 200
    if request.headers.get("hx-request"):
        return http.fragment(request, _FORM, status, **context)
    form = http.partial(_FORM, **context)
    return http.render(
        request, "permissions/standing_approval.html", status, form=form, heading=found["name"]
    )


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _rows(changed: dict[str, Any] | None, before: dict[str, Any]) -> list[ArgumentRow]:
    return [] if changed is None else http.argument_rows(changed, before)


def _leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Each value that is no object or list, and where it is."""
    if isinstance(value, dict) and (value or not place):
        for name, one in value.items():
            yield from _leaves(one, (*place, name))
    elif isinstance(value, list) and value:
        for number, one in enumerate(value):
            yield from _leaves(one, (*place, number))
    else:
        yield place, value


def _name(place: Place) -> str:
    """items.1.sku: the first item of a list is 1, as on the card."""
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in place)


def _kind(value: Any) -> str:
    return {bool: "boolean", int: "number", float: "number", str: "text"}.get(type(value), "as it is")


def _changed(base: dict[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """The arguments in the form: the edited JSON, else `base` with the value of each field. Invalid."""
    found = json.loads(json.dumps(base))
    for number, (place, value) in enumerate([*_leaves(base)][:_FIELDS]):
        text = _lines(fields.get(f"value-{number}", http.argument(value)))
        if text != _lines(http.argument(value)):
            _put(found, place, _typed(text, value, _name(place)))
    found = _object(json.dumps(found, ensure_ascii=False))
    text = fields.get("json", "")
    if not text or _lines(text).strip() == _pretty(base):
        return found
    edited = _object(text)
    if _same(found, base) or _same(found, edited):
        return edited
    if _same(edited, base):
        return found
    raise Invalid("You have changed values in the fields and others in the JSON. Put one of the two back.")


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether these are the same JSON, in which 1, 1.0 and true differ. The order of names does not count."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _lines(text: str) -> str:
    """Text with the line ends of forms, of which browsers make one kind."""
    return re.sub(r"\r\n?", "\n", text)


def _typed(text: str, before: Any, name: str) -> Any:
    """A value of the type that it had; text stays text. Invalid."""
    if isinstance(before, str):
        return text
    if isinstance(before, bool) and text in ("true", "false"):
        return text == "true"
    if isinstance(before, int | float) and not isinstance(before, bool) and _NUMBER.fullmatch(text.strip()):
        http.check_json(text.strip().encode())
        return json.loads(text)
    raise Invalid(f"{name} is a {_kind(before)}: {text[:60]} is none. Another type is changed in the JSON.")


def _put(whole: Any, place: Place, value: Any) -> None:
    for part in place[:-1]:
        whole = whole[part]
    whole[place[-1]] = value


def _object(text: str) -> dict[str, Any]:
    raw = text.encode(errors="surrogatepass")
    if len(raw) > 2 * _LARGEST:
        raise Invalid(f"The arguments have {len(raw)} bytes of JSON, and {_LARGEST} is the limit.")
    http.check_json(raw)
    found = json.loads(text)
    if not isinstance(found, dict):
        raise Invalid("The arguments are a JSON object.")
    if "\\u0000" in (compact := json.dumps(found)):
        raise Invalid("The arguments hold no U+0000.")
    if len(compact) > 2 * _LARGEST or len(json.dumps(found, ensure_ascii=False).encode()) > _LARGEST:
        raise Invalid(f"The arguments have more than {_LARGEST} bytes of JSON.")
    return found


def _fits(changed: dict[str, Any], schema: dict[str, Any] | None) -> None:
    """Invalid where the changed arguments are not what the tool takes."""
    if not schema:
        return
    import jsonschema  # takes 4 MB, and most servers check no schema
    import referencing  # comes with jsonschema

    # With an empty registry, a schema that refers to another document is not fetched.
    validator = jsonschema.Draft202012Validator(schema, registry=referencing.Registry())
    try:
        wrong = next(validator.iter_errors(changed), None)
    except (referencing.exceptions.Unresolvable, RecursionError):
        raise Invalid(
            "The schema of the tool cannot be read, so nothing can be changed. Allow or deny the request as it is."
        ) from None
    if wrong is not None:
        where = ".".join(map(str, wrong.absolute_path))
        raise Invalid(f"The tool does not take this: {where + ': ' if where else ''}{wrong.message[:300]}")


_ONE = "/tool-permissions/{id}/answer"
ROUTES = [
    Route(_ONE, signed_in(offer)),
    Route(_ONE, signed_in(answer), methods=["POST"]),
    Route("/reasons", signed_in(reasons)),
]
