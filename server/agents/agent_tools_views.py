"""The tools of an agent as forms, and their import and export as the specification's JSON."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.agents import agent_tools, agents, mcp_tools, views
from server.agents.agent_tools import ToolDraft
from server.errors import Conflict, Invalid, RequestError
from server.kernel import http
from server.kernel.auth import SecretKeys, Unopened
from server.kernel.db import Database, Record
from server.kernel.http import signed_in

_LONGEST_SECRET = 4000
_LOOSE = ("runs", "shown")
_SEEN = 16  # characters of the digest of what the form showed


async def new(request: Request) -> Response:
    """The form for a new tool."""
    return await _form(request, ToolDraft.of(None), None)


async def show(request: Request) -> Response:
    """The form of a tool."""
    tool = await _tool(request)
    return await _form(request, ToolDraft.of(tool), tool)


async def save(request: Request) -> Response:
    """Add a tool, or change one: 303 to the agent; 422 with the form. To let a tool run that was denied lately is confirmed."""
    fields = await http.form(request)
    tool = await _tool(request) if "tool" in request.path_params else None
    draft = ToolDraft.of(tool)
    draft.read(fields)
    values, secret = draft.values, fields.get("secret", "")
    if len(secret) > _LONGEST_SECRET or "\x00" in secret:
        draft.faults["secret"] = f"{_LONGEST_SECRET} characters at most."
    agent_id = views.identifier(request)
    db: Database = request.state.db
    loosened = tool is not None and _is_looser(tool, values)
    if loosened and fields.get("confirmed") != "yes" and not any(draft.faults.values()):
        async with db.as_viewer(request.state.viewer) as connection:
            denied = await agent_tools.denials(connection, agent_id, tool["tool_name"]) if tool else []
        if denied:
            return await _form(request, draft, tool, 422, denied=denied)
    if any(draft.faults.values()):
        return await _form(request, draft, tool, 422)
    try:
        async with db.as_viewer(request.state.viewer) as connection:
            await agents.lock(connection, agent_id, None)
            if tool is not None:
                tool = await agent_tools.find(connection, agent_id, tool["id"])
                _check_seen(tool, fields.get("seen", ""))
            tool_id = await agent_tools.save(connection, agent_id, tool["id"] if tool else None, values)
            if secret:
                await agent_tools.keep_secret(connection, tool_id, _keys(request).seal(secret))
            elif fields.get("forget_secret") == "yes":
                await agent_tools.keep_secret(connection, tool_id, None)
    except (Conflict, Invalid) as refusal:
        draft.faults["form"] = refusal.sentence
        return await _form(request, draft, tool, refusal.status)
    if fields.get("then") == "setup":
        return RedirectResponse(f"/agents/{agent_id}/setup/tools", 303)
    return views.to(agent_id, "tool")


def _is_looser(tool: Record, values: Mapping[str, Any]) -> bool:
    """Whether a tool that asks or is refused would run without a person, or up to a higher amount."""
    if tool["mode"] in _LOOSE:
        return False
    before, after = tool["asks_above"], values["asks_above"]
    return values["mode"] in _LOOSE or (after is not None and (before is None or after > before))


def _check_seen(tool: Record, seen: str) -> None:
    if seen and seen != _seen(tool):
        raise Conflict(
            "somebody has changed this tool since you opened the form. If you save now, yours replaces theirs"
        )


def _seen(tool: Record) -> str:
    """What identifies the content of a tool."""
    whole = {name: value for name, value in tool.items() if name not in ("asked", "denied", "expired")}
    return hashlib.sha256(json.dumps(whole, default=str, sort_keys=True).encode()).hexdigest()[:_SEEN]


async def remove(request: Request) -> Response:
    """Remove a tool; 303 to the agent."""
    agent_id, tool_id = views.identifier(request), http.identifier(request.path_params["tool"], "tool")
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        await agents.lock(connection, agent_id, None)
        await agent_tools.remove(connection, agent_id, tool_id)
    return views.to(agent_id, "removed")


async def export(request: Request) -> Response:
    """The tools as the specification's JSON, without secrets."""
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        agent = await agents.find(connection, views.identifier(request))
        found = await mcp_tools.exported(connection, agent["id"])
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    headers = {"Content-Disposition": 'attachment; filename="tools.json"'}
    return Response(text, headers=headers, media_type="application/json")


async def import_form(request: Request) -> Response:
    """The form into which JSON is pasted."""
    return await _import(request, "", "", setup=request.query_params.get("then") == "setup")


async def import_tools(request: Request) -> Response:
    """Write the tools of the JSON, all or none: 303 to the agent; 422 with the form and a sentence."""
    fields, agent_id = await http.form(request), views.identifier(request)
    text, setup = fields.get("tools", ""), fields.get("then") == "setup"
    db: Database = request.state.db
    try:
        async with db.as_viewer(request.state.viewer) as connection:
            await agents.lock(connection, agent_id, None)
            await mcp_tools.imported(
                connection,
                agent_id,
                text,
                all_of_them=fields.get("others") == "remove",
                confirmed=fields.get("confirmed") == "yes",
            )
    except (Conflict, Invalid) as refusal:
        return await _import(request, text, refusal.detail, refusal.status, setup=setup)
    if setup:
        return RedirectResponse(f"/agents/{agent_id}/setup/tools", 303)
    return views.to(agent_id, "imported")


async def _tool(request: Request) -> Record:
    db: Database = request.state.db
    tool_id = http.identifier(request.path_params["tool"], "tool")
    async with db.as_viewer(request.state.viewer) as connection:
        return await agent_tools.find(connection, views.identifier(request), tool_id)


def _keys(request: Request) -> SecretKeys:
    return SecretKeys(request.state.settings.secret_key.get_secret_value())


async def _form(
    request: Request, draft: ToolDraft, tool: Record | None, status: int = 200, *, denied: Any = None
) -> Response:
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        agent = await agents.in_use(connection, views.identifier(request))
    unusable = False
    if tool is not None and tool["secret_set_at"]:
        unusable = await _is_unusable(request, tool)
    asked = {**request.query_params}
    return http.render(
        request, "agents/tool.html", status, agent=agent, tool=tool, draft=draft, denied=denied or [],
        modes=agent_tools.MODES, methods=agent_tools.METHODS, auth_types=agent_tools.AUTH_TYPES,
        types=agent_tools.TYPES, unusable=unusable, seen=_seen(tool) if tool else "",
        setup=asked.get("then") == "setup" or draft.fields.get("then") == "setup",
    )  # fmt: skip


async def _is_unusable(request: Request, tool: Record) -> bool:
    """Whether no key of SECRET_KEY opens the secret, so that it has to be entered again."""
    db: Database = request.state.db
    try:
        rows = await db.call("select * from private.sealed_secrets($1)", views.identifier(request))
        for row in rows:
            if row["tool_id"] == tool["id"]:
                _keys(request).unseal(row["sealed_secret"])
    except Unopened:
        return True
    except RequestError:
        return False
    return False


async def _import(request: Request, text: str, fault: str, status: int = 200, *, setup: bool) -> Response:
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        agent = await agents.find(connection, views.identifier(request))
    return http.render(
        request, "agents/import.html", status, agent=agent, text=text, fault=fault, setup=setup
    )


ROUTES = [
    Route("/agents/{id}/tools.json", signed_in(export)),
    Route("/agents/{id}/tools", signed_in(save, "admin"), methods=["POST"]),
    Route("/agents/{id}/tools/new", signed_in(new, "admin")),
    Route("/agents/{id}/tools/import", signed_in(import_form, "admin"), methods=["GET"]),
    Route("/agents/{id}/tools/import", signed_in(import_tools, "admin"), methods=["POST"]),
    Route("/agents/{id}/tools/{tool}", signed_in(show, "admin"), methods=["GET"]),
    Route("/agents/{id}/tools/{tool}", signed_in(save, "admin"), methods=["POST"]),
    Route("/agents/{id}/tools/{tool}/removal", signed_in(remove, "admin"), methods=["POST"]),
]
