"""The agents' door: keys, JSON bodies, idempotency, problem details, and the OpenAPI document of it all."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Protocol
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
)
from pydantic.json_schema import models_json_schema
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from server.errors import Invalid, NotFound, RequestError, Unauthorized
from server.kernel.auth import AgentCaller
from server.kernel.db import Connection, Database
from server.kernel.http import exact_json

PREFIX = "/api/v1"
_NO_TEXT = "has characters that are no text (NUL or a lone surrogate)"


def _storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(_NO_TEXT) from None
    if "\x00" in text:
        raise ValueError(_NO_TEXT)
    return text


def _storable_json(value: Any) -> Any:
    match value:
        case str():
            _storable(value)
        case dict():
            for name, inner in value.items():
                _storable(name)
                _storable_json(inner)
        case list():
            for inner in value:
                _storable_json(inner)
    return value


Text = Annotated[str, AfterValidator(_storable)]
Json = Annotated[JsonValue, AfterValidator(_storable_json)]
JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_storable_json)]
Moment = AwareDatetime


class Model(BaseModel):
    """A body or an answer: nothing unknown is taken silently."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, from_attributes=True)


class Problem(Model):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None
    interaction: dict[str, Any] | None = None  # the one that is in the way


@dataclass(slots=True)
class Ask:
    """One call of an agent: who, about what, with which body."""

    agent: AgentCaller
    body: Any
    request: Request

    def id(self, name: str = "id") -> UUID:
        """The id in the path; what is no id names nothing."""
        try:
            return UUID(self.request.path_params[name])
        except ValueError:
            raise NotFound("there is no such thing") from None

    async def still(self) -> None:
        """Look at the key again, for a call that waits. Unauthorized when it was revoked or the agent retired."""
        known_agents: KnownAgents = self.request.state.known_agents
        await known_agents.of(_key(self.request))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Open a transaction as the agent."""
        db: Database = self.request.state.db
        async with db.as_viewer(self.agent) as connection:
            yield connection


class KnownAgents(Protocol):
    """Whose the keys are."""

    async def of(self, key: str) -> AgentCaller:
        """Whose key it is. Unauthorized when nobody's, revoked, or of a retired agent."""
        ...


Handle = Callable[[Ask], Awaitable[BaseModel]]
InTransaction = Callable[[Ask, Connection], Awaitable[BaseModel]]


@dataclass(frozen=True, slots=True)
class Call:
    """One entry of the API: what it takes, what it answers, and who does it.

    `in_transaction` runs in one transaction, together with its Idempotency-Key when it is a POST; `handle` sees to
    its transactions itself.
    """

    method: str
    path: str
    summary: str
    answer: type[BaseModel]
    handle: Handle | None = None
    in_transaction: InTransaction | None = None
    body: Any = None
    status: int = 200
    refusals: tuple[int, ...] = ()
    query: dict[str, Any] | None = None
    by_stamp: bool = False  # idempotent by captured_at, and so without a key
    urgent: bool = False  # somebody waits for it, so metrics give way

    @property
    def takes_key(self) -> bool:
        """Whether an Idempotency-Key is honoured."""
        return self.method == "POST" and self.in_transaction is not None and not self.by_stamp


def routes(calls: Sequence[Call]) -> list[Route]:
    """The calls as routes, one a path and method."""
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
    """One call as an application of its own: a refusal becomes problem details here, and nothing else has to look."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._adapter = TypeAdapter(call.body) if call.body is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._respond(Request(scope, receive))
        await answer(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        call, adapter = self._call, self._adapter
        try:
            agent = await _agent(request)
            raw = await request.body()
            # Not for lists of metrics, which have no values but those of their model: a hundred are read 1.7 times as fast
            # (bench optimisations).
            if adapter and not call.by_stamp:
                exact_json.check(raw)
            ask = Ask(agent, adapter.validate_json(raw, strict=True) if adapter else None, request)
            if call.handle is not None:
                return _answer(call.status, await call.handle(ask))
            if call.urgent:
                with request.state.recorder.giving_way():
                    return await _write(call, ask, raw)
            return await _write(call, ask, raw)
        except ValidationError as error:
            found = [
                {"field": ".".join(str(part) for part in e["loc"]), "message": e["msg"]}
                for e in error.errors(include_url=False, include_input=False)[:20]
            ]
            words = "; ".join(
                f"{e['field']}: {e['message']}" if e["field"] else e["message"] for e in found[:3]
            )
            return problem(Invalid(words), found)
        except RequestError as error:
            return problem(error)
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody will read


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
                # Kept as text: jsonb would put the names in an order of its own.
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
    request.state.limits.agent(agent.key_id)
    return agent


def document(calls: Sequence[Call], title: str, version: str) -> dict[str, Any]:
    """OpenAPI 3.1, made from the same models that validate."""
    models: list[tuple[type[BaseModel], Any]] = [(Problem, "serialization")]
    models += [(call.answer, "serialization") for call in calls]
    template = "#/components/schemas/{model}"
    schemas, definitions = models_json_schema(list(dict.fromkeys(models)), ref_template=template)
    components: dict[str, Any] = dict(definitions.get("$defs", {}))
    paths: dict[str, Any] = {}
    for call in calls:
        operation: dict[str, Any] = {
            "summary": call.summary,
            "parameters": _parameters(call),
            "responses": {
                str(call.status): {
                    "description": "Done",
                    "content": {"application/json": {"schema": schemas[(call.answer, "serialization")]}},
                },
                **{
                    str(status): _refusal()
                    for status in sorted(
                        {401, 422, 429, 503, *call.refusals, *((413, 415) if call.body else ())}
                    )
                },
            },
        }
        if call.body is not None:
            body = TypeAdapter(call.body).json_schema(ref_template=template)
            components.update(body.pop("$defs", {}))
            if isinstance(call.body, type):  # one model, and no choice of several: by its name, too
                components[call.body.__name__] = body
                body = {"$ref": template.format(model=call.body.__name__)}
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
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
        found.append(
            {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}}
        )
    return found


def _refusal() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": "Problem details", "content": {"application/problem+json": {"schema": schema}}}


Percent = Annotated[float, Field(ge=0, le=100)]
