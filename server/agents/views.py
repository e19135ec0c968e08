"""Agents as people make them: the list, one agent, its form, its clones; pause, move and retire."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.agents import agent_config, agent_keys, agent_tools, agent_versions, agents, audit_logs
from server.agents.agents import Draft
from server.agents.webhook_deliveries import latest
from server.errors import Conflict, Invalid, NotFound
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.db import Database, Record, lengths
from server.kernel.http import signed_in

_FIRST = 200  # agents of the list's page
SAID = {
    "created": "The agent was made.",
    "cloned": "The clone was made.",
    "saved": "Saved as a new version.",
    "unchanged": "Nothing was changed.",
    "restored": "Restored as a new version.",
    "moved": "The agent was moved, with all its interactions.",
    "retired": "The agent was retired. Its slot is free.",
    "tool": "The tool was saved.",
    "removed": "The tool was removed.",
    "imported": "The tools were imported.",
    "revoked": "The key was revoked. Requests with it are refused from now on.",
    "shown": "A key is shown only once. Make another one, and revoke the one that you lost.",
    "finished": "The set-up is finished. Interactions count from now on.",
}


async def index(request: Request) -> Response:
    """The viewer's agents that match the filters in the query string; the CSV has all of them, the page the first 200."""
    names = ("q", "kind", "state", "supervisor")
    filters = {name: request.query_params.get(name, "").strip()[:100] for name in names}
    if filters["kind"] not in ("", *agents.KINDS) or filters["state"] not in ("", *agents.STATES):
        raise Invalid("There is no such filter.")
    if any("\x00" in value for value in filters.values()):
        raise Invalid("Names do not contain this character.")
    as_csv = request.url.path.endswith(".csv")
    async with _as_viewer(request) as connection:
        found = await agents.listed(connection, filters, None if as_csv else _FIRST)
    if as_csv:
        return http.csv("agents.csv", agents.COLUMNS, found)
    viewer: Viewer = request.state.viewer
    slots = range(1, 4) if viewer.role == "supervisor" and not any(filters.values()) else range(0)
    free = [slot for slot in slots if slot not in {agent["slot"] for agent in found}]
    return http.render(request, "agents/agents.html", agents=found, filters=filters, free=free)


async def new(request: Request) -> Response:
    """The form for a new agent or, with ?template=yes, a new template."""
    draft = Draft.new()
    draft.fields["supervisor_id"] = request.query_params.get("supervisor", "")
    draft.fields["template"] = "yes" if request.query_params.get("template") else ""
    return await _new(request, draft, setup=request.query_params.get("then") == "setup")


async def create(request: Request) -> Response:
    """Make an agent or a template: 303 to its page, or to the next step of the set-up; 422 or 409 with the form."""
    fields = await http.form(request)
    draft, setup = Draft.new(), fields.get("then") == "setup"
    draft.read(fields)
    is_template = fields.get("template") == "yes"
    draft.fields |= {
        name: fields.get(name, "") for name in ("supervisor_id", "template", "kind", *_CONFIG_FIELDS)
    }
    config = agent_config.typed(fields, draft.faults)
    values = draft.values
    async with _as_viewer(request) as connection:
        kind, supervisor_id = fields.get("kind", ""), None
        if is_template:
            if kind not in agents.KINDS:
                draft.faults["kind"] = "Voice or chat?"
        else:
            of_form = fields.get("supervisor_id")
            chosen = [one for one in await agents.supervisors(connection) if str(one["id"]) == of_form]
            if chosen:
                kind, supervisor_id = chosen[0]["supervisor_type"], chosen[0]["id"]
            else:
                draft.faults["supervisor_id"] = "Whose agent is it?"
    if draft.wrong:
        return await _new(request, draft, 422, setup=setup)
    try:
        async with _as_viewer(request) as connection:
            agent_id = await agents.create(connection, values, supervisor_id, kind)
            await agent_config.replace(connection, agent_id, config)
    except (Conflict, Invalid) as refusal:
        draft.faults["form"] = refusal.sentence
        return await _new(request, draft, refusal.status, setup=setup)
    if setup:
        return RedirectResponse(f"/agents/{agent_id}/setup/tools", 303)
    return to(agent_id, "created")


async def show(request: Request) -> Response:
    """One agent: numbers, versions and their differences, tools, keys, recent interactions."""
    return await page(request)


async def page(request: Request, status: int = 200, *, new_key: str = "", said: str = "") -> Response:
    """The page of the agent in the address; with `new_key`, a key that was just made."""
    agent_id = identifier(request)
    said = said or SAID.get(request.query_params.get("said", ""), "")
    viewer: Viewer = request.state.viewer
    async with _as_viewer(request) as connection:
        agent = await agents.find(connection, agent_id)
        most = None if "versions" in request.query_params else 20
        versions = await agent_versions.listed(connection, agent_id, most)
        shown, other = _chosen(request, agent["version"], len(versions))
        after = await agent_versions.whole(connection, agent_id, shown) if versions else {}
        before = await agent_versions.whole(connection, agent_id, other) if other else None
        parent = None
        if agent["template_parent_id"]:
            try:
                parent = await agent_versions.whole(connection, agent["template_parent_id"])
            except NotFound:
                parent = None  # another supervisor's
        context: dict[str, Any] = {
            "agent": agent,
            "numbers": await agents.numbers(connection, agent_id),
            "versions": versions,
            "tools": await agent_tools.listed(connection, agent_id),
            "config": await agent_config.read(connection, agent_id),
            "clones": await agents.clones(connection, agent_id),
            "recent": await agents.recent(connection, agent_id),
            "deliveries": await latest(connection, agent_id),
            "activity": await audit_logs.of_agent(connection, agent_id),
            "keys": await agent_keys.listed(connection, agent_id) if viewer.role == "admin" else [],
        }
    compare = agent_versions.differences
    context |= {
        "shown": shown,
        "other": other,
        "whole": after,
        "changes": await asyncio.to_thread(compare, before, after) if before else None,
        "from_parent": await asyncio.to_thread(compare, parent, after) if parent else None,
        "said": said,
        "new_key": new_key,
        "key_id": uuid4(),
        "modes": agent_tools.MODES,
        "named": audit_logs.named,
        "reading": "read" in request.query_params or other is None,
    }
    return http.render(request, "agents/agent.html", status, **context)


def _chosen(request: Request, newest: int | None, count: int) -> tuple[int | None, int | None]:
    """The version in the address and the one that it is compared with: the one before it, unless another is named."""
    named = {}
    for name in ("version", "with"):
        text = request.query_params.get(name, "")
        if text and not (text.isascii() and text.isdigit() and 0 < len(text) < 9):
            raise NotFound("There is no such version.")
        named[name] = int(text) if text else None
    if 0 in named.values():
        raise NotFound("There is no such version.")
    shown = named["version"] or newest
    if named["with"] is not None:
        return shown, None if named["with"] == shown else named["with"]
    return shown, shown - 1 if shown and shown > 1 and count else None


async def edit(request: Request) -> Response:
    """The form of an agent; a supervisor changes the prompt alone. Conflict for a retired one."""
    async with _as_viewer(request) as connection:
        agent = await agents.in_use(connection, identifier(request))
        config = await agent_config.read(connection, agent["id"])
    draft = Draft.of(agent)
    draft.fields |= _config_fields(config) | {"version": str(agent["version"])}
    return _edit(request, agent, draft)


async def save(request: Request) -> Response:
    """Publish a new version: 303 to the agent; 409 with the form when somebody else has published since, 422 with its faults."""
    fields, viewer = await http.form(request), request.state.viewer
    async with _as_viewer(request) as connection:
        agent = await agents.in_use(connection, identifier(request))
    draft = Draft.of(agent)
    seen = fields.get("version", "")
    if viewer.role == "supervisor":
        fields = {name: fields[name] for name in ("system_prompt", "note") if name in fields}
    draft.read(fields)
    note = " ".join(fields.get("note", "").split())
    draft.fields |= {"note": note, "version": seen} | {name: fields.get(name, "") for name in _CONFIG_FIELDS}
    config = agent_config.typed(fields, draft.faults)
    values = draft.values
    if len(note) > lengths.VERSION_NOTE or "\x00" in note:
        draft.faults["note"] = f"{lengths.VERSION_NOTE} characters at most."
    if not (seen.isascii() and seen.isdigit()):
        draft.faults["form"] = "The form was not complete. Open it again."
    if draft.wrong:
        return _edit(request, agent, draft, 422)
    try:
        async with _as_viewer(request) as connection:
            await agents.lock(connection, agent["id"], int(seen[:9]))
            if viewer.role == "supervisor":
                values = {"system_prompt": values["system_prompt"]}
            await agents.change(connection, agent["id"], values, note)
            if viewer.role == "admin":
                await agent_config.replace(connection, agent["id"], config)
            after = await agents.find(connection, agent["id"])
    except Conflict as refusal:
        async with _as_viewer(request) as connection:
            now = await agents.find(connection, agent["id"])
            newest = await agent_versions.whole(connection, agent["id"])
        mine = newest | {name: value for name, value in values.items() if name in newest}
        if viewer.role == "admin":
            mine["config"] = config
        since = await asyncio.to_thread(agent_versions.differences, newest, mine)
        draft.fields["version"] = str(now["version"])
        return _edit(request, now, draft, 409, conflict=refusal.sentence, since=since)
    except Invalid as refusal:
        draft.faults["form"] = refusal.sentence
        return _edit(request, agent, draft, 422)
    return to(agent["id"], "saved" if after["version"] != agent["version"] else "unchanged")


async def clone_form(request: Request) -> Response:
    """The form of a clone: its name, its supervisor, and what differs."""
    async with _as_viewer(request) as connection:
        agent = await agents.find(connection, identifier(request))
    draft = Draft.of(agent)
    draft.fields |= {"name": f"{agent['name']} (clone)"[: lengths.NAME], "supervisor_id": "", "template": ""}
    return await _clone(request, agent, draft)


async def clone(request: Request) -> Response:
    """Make a clone: 303 to it; 409 or 422 with the form."""
    fields = await http.form(request)
    async with _as_viewer(request) as connection:
        agent = await agents.find(connection, identifier(request))
    draft = Draft.of(agent)
    draft.read(fields)
    draft.fields |= {name: fields.get(name, "") for name in ("supervisor_id", "template")}
    values = draft.values
    is_template = fields.get("template") == "yes"
    supervisor = fields.get("supervisor_id", "")
    if not is_template and not http.is_id(supervisor):
        draft.faults["supervisor_id"] = "Whose agent is it?"
    if draft.wrong:
        return await _clone(request, agent, draft, 422)
    values |= {"is_template": is_template, "supervisor_id": None if is_template else supervisor}
    try:
        async with _as_viewer(request) as connection:
            made = await agents.clone(connection, agent["id"], values)
    except (Conflict, Invalid, NotFound) as refusal:
        draft.faults["form"] = refusal.sentence
        return await _clone(request, agent, draft, refusal.status)
    return to(made, "cloned")


async def pause(request: Request) -> Response:
    """Pause (`paused` = yes) or resume (no) an agent. The stream then updates its card."""
    fields = await http.form(request)
    if fields.get("paused") not in ("yes", "no"):
        raise Invalid("paused must be yes or no.")
    async with _as_viewer(request) as connection:
        await agents.pause(connection, identifier(request), paused=fields["paused"] == "yes")
    if request.headers.get("hx-request"):
        return Response(status_code=204)
    here = f"/agents/{identifier(request)}" if fields.get("from") == "agent" else "/"
    return RedirectResponse(here, 303)


async def choose_supervisor(request: Request) -> Response:
    """The supervisors to whom an agent can move; with ?supervisor_id=, what the move does, to be confirmed."""
    wanted = request.query_params.get("supervisor_id", "")
    async with _as_viewer(request) as connection:
        agent = await agents.find(connection, identifier(request))
        if agent["retired_at"] or agent["supervisor_id"] is None:
            raise Conflict("Only an agent that is in use can be moved.")
        others = [
            one
            for one in await agents.supervisors(connection, agent["agent_type"])
            if one["id"] != agent["supervisor_id"]
        ]
    chosen = next((one for one in others if str(one["id"]) == wanted), None)
    if wanted and chosen is None:
        raise NotFound("There is no such supervisor.")
    return http.render(request, "agents/move.html", agent=agent, others=others, chosen=chosen)


async def move(request: Request) -> Response:
    """Move an agent to another supervisor of its type; 303 to the agent."""
    wanted = (await http.form(request)).get("supervisor_id", "")
    async with _as_viewer(request) as connection:
        await agents.move(connection, identifier(request), http.identifier(wanted, "supervisor"))
    return to(identifier(request), "moved")


async def retire(request: Request) -> Response:
    """Retire an agent, which frees its slot; 303 to the agent."""
    async with _as_viewer(request) as connection:
        await agents.retire(connection, identifier(request))
    return to(identifier(request), "retired")


def identifier(request: Request) -> UUID:
    """The agent in the address. NotFound when it is not an id."""
    return http.identifier(request.path_params["id"], "agent")


def to(agent_id: UUID, said: str) -> Response:
    """303 to the page of the agent, which says what happened."""
    return RedirectResponse(f"/agents/{agent_id}?said={said}", 303)


def _as_viewer(request: Request) -> Any:
    db: Database = request.state.db
    return db.as_viewer(request.state.viewer)


_CONFIG_FIELDS = (*agent_config.KNOWN, "other")


def _config_fields(config: Mapping[str, Any]) -> dict[str, str]:
    other = {key: value for key, value in config.items() if key not in agent_config.KNOWN}
    recording = config.get(agent_config.ENABLE_RECORDING)
    metadata = config.get(agent_config.CUSTOM_METADATA)
    return {
        agent_config.MAX_CALL_DURATION: str(config.get(agent_config.MAX_CALL_DURATION, "")),
        agent_config.ENABLE_RECORDING: "" if recording is None else "yes" if recording else "no",
        agent_config.CALLBACK_URL: config.get(agent_config.CALLBACK_URL, ""),
        agent_config.CUSTOM_METADATA: json.dumps(metadata, ensure_ascii=False)
        if metadata is not None
        else "",
        "other": json.dumps(other, ensure_ascii=False) if other else "",
    }


async def _new(request: Request, draft: Draft, status: int = 200, *, setup: bool) -> Response:
    draft.fields = _config_fields({}) | {"kind": "", "note": ""} | draft.fields
    async with _as_viewer(request) as connection:
        supervisors = await agents.supervisors(connection)
        templates = await agents.templates(connection)
    return http.render(
        request,
        "agents/new.html",
        status,
        draft=draft,
        supervisors=supervisors,
        templates=templates,
        setup=setup,
    )


def _edit(
    request: Request, agent: Record, draft: Draft, status: int = 200, *, conflict: str = "", since: Any = None
) -> Response:
    draft.fields = {"note": ""} | draft.fields
    return http.render(
        request, "agents/edit.html", status, agent=agent, draft=draft, conflict=conflict, since=since or []
    )


async def _clone(request: Request, agent: Record, draft: Draft, status: int = 200) -> Response:
    async with _as_viewer(request) as connection:
        supervisors = await agents.supervisors(connection, agent["agent_type"])
    return http.render(
        request, "agents/clone.html", status, agent=agent, draft=draft, supervisors=supervisors
    )


ROUTES = [
    Route("/agents", signed_in(index), methods=["GET"]),
    Route("/agents", signed_in(create, "admin"), methods=["POST"]),
    Route("/agents.csv", signed_in(index)),
    Route("/agents/new", signed_in(new, "admin")),
    Route("/agents/{id}", signed_in(show), methods=["GET"]),
    Route("/agents/{id}/edit", signed_in(edit), methods=["GET"]),
    Route("/agents/{id}/edit", signed_in(save), methods=["POST"]),
    Route("/agents/{id}/clone", signed_in(clone_form, "admin"), methods=["GET"]),
    Route("/agents/{id}/clone", signed_in(clone, "admin"), methods=["POST"]),
    Route("/agents/{id}/pause", signed_in(pause), methods=["POST"]),
    Route("/agents/{id}/move", signed_in(choose_supervisor, "admin"), methods=["GET"]),
    Route("/agents/{id}/move", signed_in(move, "admin"), methods=["POST"]),
    Route("/agents/{id}/retirement", signed_in(retire, "admin"), methods=["POST"]),
]
