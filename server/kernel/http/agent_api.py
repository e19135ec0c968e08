"""The frame of the agent API: keys, calls, idempotency, problem details."""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol
from uuid import UUID

import structlog
from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from server.errors import Invalid, NotFound, RequestError, Unauthorized
from server.kernel.auth import AgentCaller
from server.kernel.db import Connection, Database
from server.kernel.http.json_bodies import JsonBody, Model, Wrong

PREFIX = "/api/v1"
_SHOWN_OF_KEY = 9  # characters of an unknown key that admins see
log = structlog.get_logger(__name__)
# The characters of a header that isprintable() accepts; servers strip blanks at both ends.
_INNER, _OUTER = r"[ -~\u00a1-\u00ac\u00ae-\u00ff]", r"[!-~\u00a1-\u00ac\u00ae-\u00ff]"
IDEMPOTENCY_KEY = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": f"^{_OUTER}({_INNER}*{_OUTER})?$",
    "description": "Chosen by the client. A request that is repeated with the same key within 24 hours is done once.",
}  # as a JSON Schema


class Problem(Model):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None
    interaction: dict[str, Any] | None = None  # the active interaction that prevents a new one


@dataclass(slots=True)
class Ask:
    """One request of an agent: its agent, body and path."""

    agent: AgentCaller
    body: Any
    request: Request

    def id(self, name: str = "id") -> UUID:
        """The id in the path. NotFound when it is not an id."""
        try:
            return UUID(self.request.path_params[name])
        except ValueError:
            raise NotFound("there is no such thing") from None

    async def still(self) -> None:
        """Check the key again, for a request that waits. Unauthorized when it was revoked or the agent retired."""
        known_agents: KnownAgents = self.request.state.known_agents
        await known_agents.of(_key(self.request))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Open a transaction as the agent."""
        db: Database = self.request.state.db
        async with db.as_viewer(self.agent) as connection:
            yield connection


class KnownAgents(Protocol):
    """Finds the agents of keys."""

    async def of(self, key: str) -> AgentCaller:
        """The agent of a key. Unauthorized when the key is unknown or revoked, or its agent retired."""
        ...


Handle = Callable[[Ask], Awaitable[BaseModel]]
InTransaction = Callable[[Ask, Connection], Awaitable[BaseModel]]


@dataclass(frozen=True)
class Call:
    """One call of the API: what it takes, what it answers, and its handler.

    `many`: the body is one object or a list of them. `refusals`: statuses in addition to those of every call; `because` adds
    when this call answers with a status.

    `in_transaction` runs in one transaction, for a POST together with its Idempotency-Key; `handle` opens its own
    transactions.
    """

    method: str
    path: str
    summary: str
    answer: type[BaseModel]
    handle: Handle | None = None
    in_transaction: InTransaction | None = None
    body: type[BaseModel] | None = None
    many: bool = False
    status: int = 200
    refusals: tuple[int, ...] = ()
    because: Mapping[int, str] | None = None
    query: dict[str, Any] | None = None
    example: Mapping[str, Any] | None = None  # of a body; $DIGEST and the like are values of earlier answers
    by_stamp: bool = False  # idempotent by captured_at, so it takes no key
    urgent: bool = False  # a person or an agent waits for it, so metrics are delayed
    # The steps of a guided set-up that an answer of this call takes: none, or some of setup_steps.
    steps: Callable[[Any], Sequence[str]] | None = None

    @property
    def takes_key(self) -> bool:
        """Whether an Idempotency-Key is honoured."""
        return self.method == "POST" and self.in_transaction is not None and not self.by_stamp

    @cached_property
    def json_body(self) -> JsonBody | None:
        """The reader of this call's bodies, where it takes any.

        Numbers of metrics and turns are not read exactly, because their models fix all values: a list of a hundred is read 1.7
        times as fast (bench optimisations).
        """
        return JsonBody(self.body, many=self.many, exact=not self.by_stamp) if self.body else None


def routes(calls: Sequence[Call]) -> list[Route]:
    """The calls as routes, one per path and method."""
    return [
        Route(PREFIX + call.path, _Endpoint(call), methods=[call.method], name=f"{call.method} {call.path}")
        for call in calls
    ]


def problem(error: RequestError, errors: list[dict[str, str]] | None = None) -> Response:
    """A refusal as problem details."""
    told: dict[str, Any] = {
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "errors": errors,
    }
    body = Problem(**told, **error.members)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    if error.status == Unauthorized.status:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        body.model_dump(exclude_none=True),
        error.status,
        headers,
        media_type="application/problem+json",
    )


class _Endpoint:
    """A call as an ASGI application of its own, which answers refusals as problem details."""

    def __init__(self, call: Call) -> None:
        self._call, self._body = call, call.json_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = await self._respond(request)
        agent: AgentCaller | None = getattr(request.state, "agent", None)
        if (agent is not None and agent.in_setup) or (agent is None and answer.status_code == 401):
            await _note_setup(request, agent, self._call, answer)
        await answer(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        call = self._call
        try:
            agent = await _agent(request)
            raw = await request.body()
            ask = Ask(agent, self._body.read(raw) if self._body else None, request)
            if call.handle is not None:
                return _answer(call.status, await call.handle(ask))
            if call.urgent:
                with request.state.recorder.giving_way():
                    return await _write(call, ask, raw)
            return await _write(call, ask, raw)
        except Wrong as error:
            return problem(error, [{"field": one.path, "message": one.sentence} for one in error.faults[:20]])
        except RequestError as error:
            return problem(error)
        except ClientDisconnect:
            return Response(status_code=400)  # the client has disconnected


async def _write(call: Call, ask: Ask, raw: bytes) -> Response:
    assert call.in_transaction is not None
    key = ask.request.headers.get("idempotency-key") if call.takes_key else None
    if key is not None and not (0 < len(key) <= 255 and key.isprintable()):
        raise Invalid("Idempotency-Key has 1 to 255 printable characters")
    async with ask.transaction() as connection:
        if key:
            what = f"{call.method} {ask.request.url.path}\n".encode() + raw
            known = await connection.fetchrow(
                "select * from private.claim_idempotency_key($1, $2)", key, hashlib.sha256(what).digest()
            )
            if known:
                # Kept as text, because jsonb would change the order of names.
                replayed = {"Idempotent-Replayed": "true"}
                return Response(known["response"], known["status"], replayed, media_type="application/json")
        answer = await call.in_transaction(ask, connection)
        if key:
            await connection.execute(
                "select private.keep_idempotent_answer($1, $2, $3)",
                key,
                call.status,
                answer.model_dump_json(),
            )
    return _answer(call.status, answer)


def _answer(status: int, answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), status, media_type="application/json")


def _key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.startswith("fw_"):
        raise Unauthorized("an agent key is needed: Authorization: Bearer fw_…")
    return key


async def _agent(request: Request) -> AgentCaller:
    known_agents: KnownAgents = request.state.known_agents
    agent = await known_agents.of(_key(request))
    request.state.agent = agent
    request.state.limits.agent(agent.key_id)
    return agent


async def _note_setup(request: Request, agent: AgentCaller | None, call: Call, answer: Response) -> None:
    """Tell those who wait for the first call of this agent, or of any agent, what arrived or was refused."""
    try:
        body = json.loads(bytes(answer.body)) if answer.body else None
        if agent is None:
            if request.state.limits.notes_unknown_key():
                given = request.headers.get("authorization", "").partition(" ")[2].strip()
                said = (
                    f"Unknown key. It began with {given[:_SHOWN_OF_KEY]}: replace it with the agent's key."
                    if given
                    else "The request had no key: send it as Authorization: Bearer fw_…"
                )
                await _note_steps(request, None, ["refused"], answer.status_code, said)
        elif answer.status_code >= 400:
            await _note_steps(
                request, agent.id, ["key_accepted", "refused"], answer.status_code, (body or {}).get("detail")
            )
        else:
            steps = ["key_accepted", *(call.steps(body) if call.steps else ())]
            await _note_steps(request, agent.id, steps)
    except RequestError as error:
        log.warning("setup_not_noted", reason=error.detail)


async def _note_steps(
    request: Request,
    agent_id: UUID | None,
    steps: list[str],
    status: int | None = None,
    detail: str | None = None,
) -> None:
    db: Database = request.state.db
    printable = "".join(one if one.isprintable() else "·" for one in detail) if detail else None
    await db.call("select private.note_setup_step($1, $2, $3, $4)", agent_id, steps, status, printable)
