"""A client of the agent API. It repeats requests where that is safe, and treats every failure of a permission as a refusal."""

import asyncio
import hashlib
import json
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

import httpx
import rfc8785

Channel = Literal["voice", "chat"]
Sentiment = Literal["good", "neutral", "critical"]
Speaker = Literal["customer", "agent", "tool"]
Outcome = Literal["completed", "failed"]

ATTEMPTS = 9  # with their pauses about 20 seconds, longer than a restart of the server takes
LONGEST_PAUSE = 5.0
WAIT = 25  # seconds that one request waits for a decision
# The client stops waiting this long after expires_at, because the two clocks may differ.
GRACE = timedelta(seconds=60)


class AgentError(Exception):
    """A request to the API failed."""


class Unreachable(AgentError):
    """No usable answer after all attempts."""


class Refused(AgentError):
    """The API refused the request and would refuse it again; `problem` is its answer, as in RFC 9457."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('detail') or problem.get('title') or ''}".strip())
        self.status = status
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Metric:
    captured_at: datetime
    sentiment: Sentiment
    satisfaction_score: int
    feed_text: str | None  # None when nothing new was said


@dataclass(frozen=True, slots=True)
class Turn:
    captured_at: datetime
    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Permission:
    """A tool permission as the API last reported it; its status is `unreachable` when the API could not be asked."""

    id: str
    tool_name: str
    arguments: dict[str, Any]
    status: str
    expires_at: datetime
    reason: str | None = None
    responded_by: str | None = None
    arguments_digest: str | None = None
    execution_id: str | None = None

    @property
    def allowed(self) -> bool:
        return self.status == "allowed" and self.arguments_digest is not None


class AgentClient:
    """The API with the key of one agent; `async with` holds its connections."""

    def __init__(self, base_url: str, key: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{base_url.rstrip('/')}/api/v1/",
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(10, read=WAIT + 10),
            transport=transport,
            trust_env=False,  # the demo's requests to its own server must not use a proxy of the environment
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def agent(self) -> dict[str, Any]:
        """The agent of this key, its tools, and its active interaction if there is one."""
        return await self._send("GET", "agent")

    async def start(
        self, interaction_type: Channel, phone_number: str, external_id: str | None = None
    ) -> str:
        """Start an interaction; return its id. Refused with 409 when the agent is paused or has an active one."""
        body = {"interaction_type": interaction_type, "phone_number": phone_number}
        return _text(await self._send("POST", "interactions", body | _given(external_id=external_id)), "id")

    async def metrics(self, interaction_id: str, metrics: Sequence[Metric]) -> None:
        await self._send("POST", f"interactions/{interaction_id}/metrics", _items(metrics))

    async def turns(self, interaction_id: str, turns: Sequence[Turn]) -> None:
        await self._send("POST", f"interactions/{interaction_id}/turns", _items(turns))

    async def ask(
        self,
        interaction_id: str,
        tool_name: str,
        arguments: Mapping[str, Any],
        description: str | None = None,
    ) -> Permission:
        """Ask for a tool. Call `decision` also when the answer is `allowed` already, because it checks the arguments."""
        body = {"tool_name": tool_name, "arguments": arguments} | _given(tool_description=description)
        answer = await self._send("POST", f"interactions/{interaction_id}/tool-permissions", body)
        return Permission(
            id=_text(answer, "id"),
            tool_name=tool_name,
            arguments=dict(arguments),
            status=_text(answer, "status"),
            expires_at=datetime.fromisoformat(_text(answer, "expires_at")),
        )

    async def decision(self, permission: Permission) -> Permission:
        """Wait until it is decided or has expired. Every failure is returned as not allowed."""
        try:
            while True:
                answer = await self._send("GET", f"tool-permissions/{permission.id}", params={"wait": WAIT})
                permission = replace(
                    permission,
                    status=_text(answer, "status"),
                    reason=answer.get("reason"),
                    responded_by=answer.get("responded_by"),
                    arguments_digest=answer.get("arguments_digest"),
                )
                if permission.status != "pending" or datetime.now(UTC) > permission.expires_at + GRACE:
                    break
                await asyncio.sleep(0.2)  # because a server that stops answers without waiting
        except AgentError as error:
            return replace(permission, status="unreachable", reason=str(error))
        if answer.get("arguments") != json.loads(
            json.dumps(permission.arguments)
        ) or permission.arguments_digest != digest_of(permission.arguments):
            return replace(
                permission, status="unreachable", reason="decided on other arguments than asked for"
            )
        return permission

    async def claim(self, permission: Permission) -> Permission:
        """Claim the one execution. Without an `execution_id` in the result, do not run the tool."""
        # Of the arguments that the tool will run with, so that the API refuses others than those that were decided on.
        body = {"arguments_digest": digest_of(permission.arguments)}
        try:
            answer = await self._send("POST", f"tool-permissions/{permission.id}/execution", body)
        except AgentError as error:
            return replace(permission, reason=str(error))
        return replace(permission, execution_id=_text(answer, "execution_id"))

    async def report(self, permission: Permission, *, succeeded: bool, result: object = None) -> None:
        body = {"execution_id": permission.execution_id, "succeeded": succeeded} | _given(result=result)
        await self._send("PATCH", f"tool-permissions/{permission.id}/execution", body)

    async def end(
        self, interaction_id: str, status: Outcome, archive: Mapping[str, Any] | None = None
    ) -> None:
        await self._send(
            "POST", f"interactions/{interaction_id}/end", {"status": status} | _given(archive=archive)
        )

    async def archive(self, interaction_id: str, archive: Mapping[str, Any]) -> None:
        await self._send("PUT", f"interactions/{interaction_id}/archive", archive)

    async def _send(
        self, method: str, path: str, body: object = None, params: Mapping[str, int] | None = None
    ) -> dict[str, Any]:
        """Send a request; repeat it after a lost connection and after 429, 502, 503 and 504. Refused or Unreachable otherwise."""
        headers = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
        trouble = ""
        for attempt in range(ATTEMPTS):
            pause = min(LONGEST_PAUSE, 0.2 * 2**attempt) * random.uniform(0.5, 1)  # noqa: S311
            try:
                answer = await self._http.request(method, path, json=body, params=params, headers=headers)
            except httpx.RequestError as error:
                trouble = str(error) or type(error).__name__
            else:
                if answer.is_success:
                    return _object(answer)
                if answer.status_code not in (429, 502, 503, 504):
                    raise Refused(answer.status_code, _object(answer))
                trouble = f"{answer.status_code} {_object(answer).get('detail') or answer.reason_phrase}"
                pause = max(pause, _retry_after(answer))
            if attempt + 1 < ATTEMPTS:
                await asyncio.sleep(pause)
        raise Unreachable(f"{method} {path}: {trouble}")


def digest_of(arguments: Mapping[str, Any]) -> str:
    """SHA-256 over RFC 8785, as the API computes it."""
    # Integers become floats, because rfc8785 refuses integers from 2^53 on. This changes no number that the API accepts.
    floats = json.loads(json.dumps(dict(arguments)), parse_int=float)
    return hashlib.sha256(rfc8785.dumps(floats)).hexdigest()


def _retry_after(answer: httpx.Response) -> float:
    wait = answer.headers.get("Retry-After", "")
    return min(float(wait), 60) if wait.isdecimal() else 0


def _object(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; a proxy's page or an empty body counts as an empty object."""
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise Unreachable(f"an answer without {name}")
    return value


def _items(items: Sequence[Metric] | Sequence[Turn]) -> list[dict[str, Any]]:
    return [asdict(item) | {"captured_at": item.captured_at.isoformat()} for item in items]


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
