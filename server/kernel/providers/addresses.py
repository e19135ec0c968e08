"""POST to an address that a person entered, which must not reach what only this machine or its network reaches.

The name is resolved once, each of its addresses is checked, and the connection goes to what was checked: a name that answers
differently a moment later (DNS rebinding) gains nothing. Redirects are not followed and proxies of the environment not used.
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from weakref import WeakValueDictionary

import httpx

from server.errors import Invalid

_SECONDS = 10.0  # for the whole request
_HEAD = 500  # characters that are kept of an answer
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in disguise


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended: the status, None without an answer, and how its body begins or why there was none."""

    status: int | None
    head: str

    @property
    def good(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300


class HostGates:
    """Lets so many requests to one host begin, and the next when one of them is over."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._gates: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, host: str) -> asyncio.Semaphore:
        """The gate of a host, forgotten when nobody holds it any more."""
        return self._gates.setdefault(host, asyncio.Semaphore(self._most))


def public(address: str) -> bool:
    """Whether the address is of the internet, and not of this machine, a private network or a special use."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if found.sixtofour or found.teredo or found in _NAT64:
            return False
        found = found.ipv4_mapped or found
    return found.is_global and not found.is_multicast


async def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> Answer:
    """Send the body; never raises for what the other side does. `private`: addresses of private networks are allowed."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await _post(url, body, headers, private=private)
    except TimeoutError:
        return Answer(None, f"no answer within {_SECONDS:.0f} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        return Answer(None, f"no connection: {str(error) or type(error).__name__}"[:_HEAD])
    except Invalid as refusal:
        return Answer(None, refusal.detail[:_HEAD])


async def _post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> Answer:
    there = httpx.URL(url)
    address = await _resolve(there, private=private)
    async with (
        httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=_SECONDS) as client,
        client.stream(
            "POST",
            there.copy_with(host=address),
            content=body,
            headers={**headers, "Host": there.netloc.decode()},
            extensions={"sni_hostname": there.host},  # the certificate is that of the name
        ) as response,
    ):
        head = b""
        async for part in response.aiter_raw():
            head += part
            if len(head) >= _HEAD:
                break
        # What PostgreSQL and a page cannot show is shown as a question mark.
        text = head[:_HEAD].decode(errors="replace").replace("\x00", "\ufffd")
        return Answer(response.status_code, text)


async def _resolve(there: httpx.URL, *, private: bool) -> str:
    """One address of the name. Invalid where one of its addresses is not allowed."""
    port = there.port or (443 if there.scheme == "https" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(there.host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not private and (wrong := [address for address in addresses if not public(address)]):
        raise Invalid(f"{there.host} is {wrong[0]}, a private address, which WEBHOOKS_PRIVATE=1 would allow")
    return addresses[0]
