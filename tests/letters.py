"""What answers for links where the Auth server does not yet: each opens a real session of whom it was sent to, once."""

import asyncio
import json
from uuid import uuid4

import httpx

from tests.replica import Wire
from tests.site import PASSWORD, Person

VERIFY, RECOVER = "POST /verify", "POST /recover"


class Letters:
    """Stands in for /recover and /verify; all else is the real server."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.links: dict[tuple[str, str], str] = {}  # (kind, token) → e-mail
        self.sent: list[str] = []
        self.known: set[str] = set()
        wire.instead |= {VERIFY: self._verify, RECOVER: self._recover}

    def link(self, person: Person, kind: str = "recovery") -> str:
        token = uuid4().hex
        self.links[kind, token] = person.email
        return token

    async def _verify(self, request: httpx.Request) -> httpx.Response:
        given = json.loads(request.content)
        email = self.links.pop((given["type"], given["token_hash"]), None)
        if email is None:
            expired = {"error_code": "otp_expired", "msg": "Email link is invalid or has expired"}
            return httpx.Response(403, json=expired)
        url = request.url.copy_with(path="/auth/v1/token", query=b"grant_type=password")
        headers = {"apikey": request.headers["apikey"]}
        body = {"email": email, "password": PASSWORD}
        return await self.wire.there(httpx.Request("POST", url, headers=headers, json=body))

    async def _recover(self, request: httpx.Request) -> httpx.Response:
        email = json.loads(request.content)["email"]
        if email in self.known:
            await asyncio.sleep(2)  # a mail server takes its time
            self.sent.append(email)
            return httpx.Response(
                500, json={"error_code": "unexpected_failure", "msg": "Error sending email"}
            )
        return httpx.Response(200, json={})
