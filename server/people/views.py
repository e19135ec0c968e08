"""The admins' pages of people: the list, a new person, and one person with their agents and activity."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.errors import Conflict, Invalid, NotFound, RequestError, Unavailable
from server.kernel import http
from server.kernel.auth import Administration, Login, Viewer, password_fault
from server.kernel.db import Database, Record
from server.kernel.http import signed_in
from server.people import audit_logs, users
from server.people.making import make
from server.people.users import Draft

_FIRST = 200  # people of the list's page
_NO_KEY = (
    "People are invited and changed with the project's secret key: set SUPABASE_SECRET_KEY and start again."
)
SAID = {
    "invited": "The invitation was sent.",
    "not-invited": "The person was created, but the e-mail could not be sent. Send it again below.",
    "created": "The person can sign in now.",
    "changed": "Saved.",
    "unchanged": "Nothing was changed.",
    "recovery": "An e-mail for a new password was sent.",
    "deactivated": "The person is signed out everywhere and cannot sign in.",
    "still-known": "The person has no rights here, but the Auth server did not answer. Press “Tell the Auth server” below.",
    "active": "The person can sign in again.",
}


async def index(request: Request) -> Response:
    """The people who match the filters in the query string; the CSV has all of them, the page the first 200."""
    filters = {name: request.query_params.get(name, "").strip()[:100] for name in ("q", "kind", "state")}
    if filters["kind"] not in ("", *users.KINDS) or filters["state"] not in ("", *users.STATES):
        raise Invalid("There is no such filter.")
    if "\x00" in filters["q"]:
        raise Invalid("Names do not contain this character.")
    as_csv = request.url.path.endswith(".csv")
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        people = await users.listed(connection, filters, None if as_csv else _FIRST)
    if as_csv:
        return http.csv("people.csv", users.COLUMNS, people)
    return http.render(request, "people/people.html", people=people, filters=filters, kinds=users.KINDS)


async def new(request: Request) -> Response:
    """The form for a new person; with ?then=setup, as the first step of the guided set-up."""
    return _form(request, Draft(), 200, invited=True, setup=request.query_params.get("then") == "setup")


async def create(request: Request) -> Response:
    """Invite a person, or make one with a password: 303 to their page, 422 with the form and its errors."""
    administration, fields = _administration(request), await http.form(request)
    setup = fields.get("then") == "setup"
    invited = fields.get("how", "invite") != "password"
    password = None if invited else fields.get("password", "")
    draft = _draft(fields)
    draft.check()
    if password is not None and (fault := password_fault(password)):
        draft.faults["password"] = fault
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        await users.taken(connection, draft)
    if draft.faults:
        return _form(request, draft, 422, invited=invited, setup=setup)

    async def became(person: UUID) -> None:
        async with db.as_viewer(request.state.viewer) as connection:
            await users.find(connection, person)
            await users.note(connection, person, "users.invite" if invited else "users.create", draft.changes)

    try:
        login = administration.create(draft.email, {}, draft.name, password)
        person = await make(administration, draft, login, became=became)
    except (Conflict, Invalid) as refusal:
        draft.faults["password" if "password" in refusal.detail.lower() else "email"] = refusal.detail
        return _form(request, draft, 422, invited=invited, setup=setup)
    except NotFound:
        raise Conflict("This login could not become a person here; the system page says why.") from None
    said = "created"
    if invited:
        try:
            await administration.invite(draft.email, draft.name)
            said = "invited"
        except RequestError:
            said = "not-invited"
    if setup and draft.kind != "admin" and said != "not-invited":
        return RedirectResponse(f"/agents/new?supervisor={person}&then=setup", 303)
    return _to(person, said)


async def show(request: Request) -> Response:
    """One person: their details, agents and activity."""
    said = SAID.get(request.query_params.get("said", ""), "")
    return await _page(request, said=said)


async def change(request: Request) -> Response:
    """Change name or username; of a supervisor without agents also the type."""
    administration, fields, person = (
        _administration(request),
        await http.form(request),
        await _person(request),
    )
    draft = _draft(_meant(person, fields))
    draft.check()
    draft.faults.pop("email", None)  # it cannot be changed here
    if draft.kind != person["kind"] and "admin" in (draft.kind, person["kind"]):
        draft.faults["kind"] = "A role cannot be changed. Make another login."
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        await users.taken(connection, draft, person["id"])
    draft.faults.pop("email", None)
    if draft.faults:
        return await _page(request, 422, draft=draft)
    now = {"name": draft.name, "username": draft.username or None, "supervisor_type": draft.kind}
    if person["role"] == "admin":
        now = {"name": draft.name}
    changes = {name: [person[name], value] for name, value in now.items() if person[name] != value}
    if not changes:
        return _to(person["id"], "unchanged")
    try:
        await _change(request, administration, person, draft, changes)
    except (Conflict, Invalid) as refusal:
        draft.faults["kind" if "supervisor_type" in changes else "name"] = refusal.detail
        return await _page(request, 409, draft=draft)
    return _to(person["id"], "changed")


def _meant(person: Record, fields: Mapping[str, str]) -> dict[str, str]:
    """The changes in the form. A field that is still as it was shown (`shown_…`) keeps its present value."""
    now = {"name": person["name"], "username": person["username"] or "", "kind": person["kind"]}
    changed = {
        name: fields[name] for name in now if name in fields and fields[name] != fields.get(f"shown_{name}")
    }
    return {**now, **changed, "email": person["email"]}


async def _change(
    request: Request, administration: Administration, person: Record, draft: Draft, changes: Mapping[str, Any]
) -> None:
    """Change the type here first, because the trigger on auth.users refuses it; change it back when the Auth server fails."""
    db: Database = request.state.db
    viewer: Viewer = request.state.viewer
    retyped = "supervisor_type" in changes
    if retyped:
        async with db.as_viewer(viewer) as connection:
            await users.change_type(connection, person["id"], draft.kind)
    try:
        await administration.change(person["id"], draft.app_metadata, draft.name)
    except BaseException:
        if retyped:
            async with db.as_viewer(viewer) as connection:
                await users.change_type(connection, person["id"], person["supervisor_type"])
        raise
    async with db.as_viewer(viewer) as connection:
        await users.note(connection, person["id"], "users.change", changes)
        after = await users.find(connection, person["id"])
        if any(after[name] != value for name, (_, value) in changes.items()):
            raise Conflict("The login was changed, but not the person here; the system page says why.")


async def deactivate(request: Request) -> Response:
    """Take a person's rights (`deactivated` = yes), first here and then at the Auth server; or give them back (no).

    `deactivated_at` ends the rights and the sessions here in one transaction, and records who did it. Then the login is banned
    at the Auth server, so that its tokens are refused by other services too. Reactivation takes the opposite order. Nobody
    can deactivate themselves, so one admin always remains.
    """
    wanted = (await http.form(request)).get("deactivated")
    if wanted not in ("yes", "no"):
        raise Invalid("deactivated must be yes or no.")
    administration, person = _administration(request), await _person(request)
    db: Database = request.state.db
    if wanted == "no":
        # Sends the role again. It may have been removed there, and then the next change of the login would deactivate the person.
        now = Draft(person["email"], person["name"], person["kind"], person["username"] or "")
        await administration.change(person["id"], now.app_metadata, now.name)
        await administration.ban(person["id"], banned=False)
        async with db.as_viewer(request.state.viewer) as connection:
            await users.reactivate(connection, person["id"])
        return _to(person["id"], "active")
    async with db.as_viewer(request.state.viewer) as connection:
        await users.deactivate(connection, person["id"])
    try:
        await administration.ban(person["id"], banned=True)
    except (Unavailable, NotFound):
        return _to(person["id"], "still-known")
    return _to(person["id"], "deactivated")


async def send(request: Request) -> Response:
    """Send the e-mail for a new password, or the invitation again to a person who has not accepted it."""
    administration, person = _administration(request), await _person(request)
    if person["state"] != "active":
        raise Conflict("The person is deactivated. Reactivate them first.")
    login = await administration.find(person["id"])
    db: Database = request.state.db
    action = "users.recovery" if login.confirmed_at else "users.invite"
    if login.confirmed_at:
        await administration.recover(person["email"])
    else:
        await administration.invite(person["email"], person["name"])
    async with db.as_viewer(request.state.viewer) as connection:
        await users.note(connection, person["id"], action, {"email": [None, person["email"]]})
    return _to(person["id"], "recovery" if login.confirmed_at else "invited")


def _draft(fields: Mapping[str, str]) -> Draft:
    return Draft(
        email=fields.get("email", "").strip().lower(),
        name=" ".join(fields.get("name", "").split()),
        kind=fields.get("kind", ""),
        username=fields.get("username", "").strip().lower() if fields.get("kind") != "admin" else "",
    )


def _administration(request: Request) -> Administration:
    administration: Administration | None = request.state.administration
    if administration is None:
        raise Unavailable(_NO_KEY)
    return administration


def _id(request: Request) -> UUID:
    return http.identifier(request.path_params["id"], "person")


async def _person(request: Request) -> Record:
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        return await users.find(connection, _id(request))


async def _login(request: Request) -> Login | None:
    """The login, or None when the Auth server does not answer, because the page is useful without it."""
    try:
        return await _administration(request).find(_id(request))
    except RequestError:
        return None


async def _page(
    request: Request, status: int = 200, *, said: str = "", draft: Draft | None = None
) -> Response:
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        person = await users.find(connection, _id(request))
        agents = await users.agents_of(connection, person["id"])
        context: dict[str, Any] = {
            "person": person,
            "agents": agents,
            "audit": await audit_logs.of_person(connection, person["id"]),
        }
    context |= {
        "login": await _login(request),
        "said": said,
        "no_key": _NO_KEY if request.state.administration is None else "",
        "draft": draft or Draft(person["email"], person["name"], person["kind"], person["username"] or ""),
    }
    if status != 200 and request.headers.get("hx-request"):
        return http.fragment(request, "people/_person.html", status, viewer=request.state.viewer, **context)
    return http.render(request, "people/person.html", status, **context)


def _form(request: Request, draft: Draft, status: int, *, invited: bool, setup: bool) -> Response:
    context = {
        "draft": draft,
        "setup": setup,
        "invited": invited,
        "no_key": _NO_KEY if request.state.administration is None else "",
    }
    if request.headers.get("hx-request"):
        return http.fragment(request, "people/_draft.html", status, **context)
    return http.render(request, "people/new.html", status, **context)


def _to(person: UUID, said: str) -> Response:
    return RedirectResponse(f"/people/{person}?said={said}", 303)


ROUTES = [
    Route("/people", signed_in(index, "admin"), methods=["GET"]),
    Route("/people", signed_in(create, "admin"), methods=["POST"]),
    Route("/people.csv", signed_in(index, "admin")),
    Route("/people/new", signed_in(new, "admin")),
    Route("/people/{id}", signed_in(show, "admin"), methods=["GET"]),
    Route("/people/{id}", signed_in(change, "admin"), methods=["POST"]),
    Route("/people/{id}/deactivation", signed_in(deactivate, "admin"), methods=["POST"]),
    Route("/people/{id}/email", signed_in(send, "admin"), methods=["POST"]),
]
