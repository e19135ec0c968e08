"""The form in which admins make, change and retire rules of alerts."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.alerts import alert_rules
from server.errors import Conflict, Invalid
from server.kernel import http
from server.kernel.db import lengths
from server.kernel.http import signed_in

_FIELDS = ("name", "condition", "amount", "minutes", "supervisor", "calls", "from", "until", "zone")


async def new(request: Request) -> Response:
    """The form for a new rule; its id is made here, so that the form sent twice makes one rule."""
    fields = {"condition": "critical", "amount": "60", "minutes": "15", "calls": "both"}
    fields |= {f"day_{n}": "on" for n in range(1, 8)} | {"zone": http.zone_cookie(request) or "UTC"}
    return await _form(request, uuid4(), 0, fields)


async def edit(request: Request) -> Response:
    """The form of a rule in force."""
    rule_id = http.identifier(request.path_params["id"], "rule")
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        rule = await alert_rules.one(connection, rule_id)
    fields = {
        "name": rule["name"],
        "condition": rule["condition"],
        "amount": str(rule["amount"]),
        "minutes": str(rule["minutes"] or 15),
        "supervisor": str(rule["supervisor_id"] or ""),
        "calls": rule["calls"],
        "from": f"{rule['from_time']:%H:%M}" if rule["from_time"] else "",
        "until": f"{rule['until_time']:%H:%M}" if rule["until_time"] else "",
        "zone": rule["zone"],
    } | {f"day_{n}": "on" for n in rule["days"]}
    return await _form(request, rule_id, rule["version"], fields)


async def save(request: Request) -> Response:
    """Make or change a rule: 303 to the list, or the form with what was typed and one sentence for each error."""
    rule_id = http.identifier(request.path_params["id"], "rule")
    fields = await http.form(request)
    version = http.whole_number(fields.get("version", ""), 8)
    if version is None:
        raise Invalid("This form is not whole: open it again.")
    faults: dict[str, str] = {}
    rule = _rule(fields, faults)
    if not faults:
        try:
            async with request.state.db.as_viewer(request.state.viewer) as connection:
                await alert_rules.save(connection, rule_id, version, rule)
        except (Conflict, Invalid) as refusal:
            return await _form(request, rule_id, version, fields, refusal.status, {"": refusal.sentence})
        return RedirectResponse("/alerts?said=saved#rules", 303)
    return await _form(request, rule_id, version, fields, 422, faults)


async def retire(request: Request) -> Response:
    """End a rule; twice is no error."""
    rule_id = http.identifier(request.path_params["id"], "rule")
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        await alert_rules.retire(connection, rule_id)
    return RedirectResponse("/alerts?said=retired#rules", 303)


def _rule(fields: Mapping[str, str], faults: dict[str, str]) -> dict[str, Any]:
    """The rule of a form, and a sentence for each field that cannot be used."""
    name = " ".join(fields.get("name", "").split())
    if not 1 <= len(name) <= lengths.RULE_NAME:
        faults["name"] = f"A rule needs a name of 1 to {lengths.RULE_NAME} characters."
    condition = alert_rules.CONDITIONS.get(fields.get("condition", ""))
    if condition is None:
        faults["condition"] = "Choose one of the conditions."
        return {}
    unit = "" if condition.unit == "%" else f" {condition.unit}"
    amount = _whole(fields.get("amount", ""), condition.lowest, condition.highest)
    if amount is None:
        faults["amount"] = (
            f"This condition takes a whole number from {condition.lowest} to {condition.highest}{unit}."
        )
    minutes = _whole(fields.get("minutes", ""), 1, 60) if condition.looks_back else None
    if condition.looks_back and minutes is None:
        faults["minutes"] = "It looks back over 1 to 60 whole minutes."
    days = [n for n in range(1, 8) if f"day_{n}" in fields]
    if not days:
        faults["days"] = "Choose one day or more."
    typed = [fields.get(key, "").strip() for key in ("from", "until")]
    hours = [http.time_of_day(text) for text in typed]
    if any(typed) and (None in hours or hours[0] == hours[1]):
        faults["hours"] = (
            "Give both a beginning and another end, as 08:00, or leave both empty for the whole day."
        )
    supervisor = fields.get("supervisor", "")
    if supervisor and not http.is_id(supervisor):
        faults["supervisor"] = "Choose a supervisor of the list, or everybody."
    if fields.get("calls") not in alert_rules.CALLS:
        faults["calls"] = "Choose whom it calls."
    return {
        "name": name,
        "condition": fields["condition"],
        "amount": amount,
        "minutes": minutes,
        "supervisor_id": supervisor or None,
        "days": days,
        "from_time": hours[0] and f"{hours[0]:%H:%M}",
        "until_time": hours[1] and f"{hours[1]:%H:%M}",
        "zone": fields.get("zone", "").strip()[: lengths.ZONE] or "UTC",
        "calls": fields.get("calls"),
    }


def _whole(text: str, lowest: int, highest: int) -> int | None:
    found = http.whole_number(text, 8)
    return found if found is not None and lowest <= found <= highest else None


async def _form(
    request: Request,
    rule_id: UUID,
    version: int,
    fields: Mapping[str, str],
    status: int = 200,
    faults: Mapping[str, str] | None = None,
) -> Response:
    whose = fields.get("supervisor", "")
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        supervisors = await alert_rules.supervisors(connection, UUID(whose) if http.is_id(whose) else None)
    return http.render(
        request,
        "alerts/rule.html",
        status,
        rule_id=rule_id,
        version=version,
        fields={name: fields.get(name, "")[:200] for name in _FIELDS},
        chosen=[n for n in range(1, 8) if f"day_{n}" in fields],
        faults=faults or {},
        supervisors=supervisors,
        conditions=alert_rules.CONDITIONS,
        calls=alert_rules.CALLS,
        days=alert_rules.DAYS,
    )


ROUTES = [
    Route("/alerts/rules/new", signed_in(new, "admin"), methods=["GET"]),
    Route("/alerts/rules/{id}", signed_in(edit, "admin"), methods=["GET"]),
    Route("/alerts/rules/{id}", signed_in(save, "admin"), methods=["POST"]),
    Route("/alerts/rules/{id}/retirement", signed_in(retire, "admin"), methods=["POST"]),
]
