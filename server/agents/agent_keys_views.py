"""Make a key of an agent, which is shown once, and revoke one."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.agents import agent_keys, setup_steps_views, views
from server.errors import Conflict, Invalid
from server.kernel import http
from server.kernel.db import Database, lengths
from server.kernel.http import signed_in


async def create(request: Request) -> Response:
    """Make a key and show it, on the page of the agent or (`then` = setup) on the page that waits for the first call.

    The form names the id of the key, so that a form that is sent twice makes one key; the second answer shows none.
    """
    fields, agent_id = await http.form(request), views.identifier(request)
    name = " ".join(fields.get("name", "").split())
    if len(name) > lengths.KEY_NAME or "\x00" in name:
        raise Invalid(f"The name of a key has {lengths.KEY_NAME} characters at most.")
    key_id = http.identifier(fields.get("key_id", ""), "key")
    db: Database = request.state.db
    try:
        async with db.as_viewer(request.state.viewer) as connection:
            key = await agent_keys.create_for(connection, agent_id, name=name, key_id=key_id)
    except Conflict as refusal:
        if "id is taken" not in refusal.detail:
            raise
        return views.to(agent_id, "shown")
    if fields.get("then") == "setup":
        return await setup_steps_views.waiting_page(request, agent_id, new_key=key)
    return await views.page(request, 201, new_key=key)


async def revoke(request: Request) -> Response:
    """Revoke a key. Requests that wait with it end, and the next one is refused. Repeating it changes nothing."""
    agent_id = views.identifier(request)
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        await agent_keys.revoke_one(connection, agent_id, http.identifier(request.path_params["key"], "key"))
    return views.to(agent_id, "revoked")


ROUTES = [
    Route("/agents/{id}/keys", signed_in(create, "admin"), methods=["POST"]),
    Route("/agents/{id}/keys/{key}/revocation", signed_in(revoke, "admin"), methods=["POST"]),
]
