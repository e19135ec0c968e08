"""How often: guesses at an account and from an address, letters to somebody, requests of an agent's key."""

import ipaddress
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from server.errors import TooMany, Unavailable
from server.settings import Settings

_LETTERS = RateLimitItemPerHour(5)  # to one account
_WAITING = 50  # long polls of one key


class Limits:
    """Rates within this process; a window begins with its first attempt."""

    def __init__(self, settings: Settings) -> None:
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._guesses = RateLimitItemPerMinute(settings.login_per_minute)
        self._agent_per_second = settings.agent_per_second
        self._second, self._requests = 0, dict[object, int]()  # of each key in this second
        self._waiting = Counter[object]()  # of each key, for a decision

    @asynccontextmanager
    async def guess(
        self, address: str, account: str | None = None, device: str | None = None
    ) -> AsyncIterator[None]:
        """Count an attempt at a secret, unless it turns out right. TooMany when there were too many lately.

        Wrong ones count for the address and for the account, wherever they come from. A browser in which this person
        has signed in before has a count of its own instead: nobody else can use that up, and so lock them out.
        """
        keys = [f"device:{device}"] if device else [f"address:{_network(address)}"]
        if account is not None and not device:
            keys.append(f"account:{account}")
        for place, key in enumerate(keys):
            try:
                await self._count(self._guesses, key, "Too many sign-in attempts.")
            except TooMany:  # nobody looks at it, so it does not count elsewhere
                await self._forgive(keys[:place])
                raise
        try:
            yield
        except Unavailable:  # nobody has looked at it
            await self._forgive(keys)
            raise
        await self._forgive(keys)

    async def letter(self, address: str, account: str) -> None:
        """Count a letter that somebody wants to have sent. TooMany as above."""
        await self._count(self._guesses, f"letters from:{_network(address)}", "Too many requests.")
        await self._count(_LETTERS, f"letters to:{account}", "Too many letters were asked for.")

    async def _count(self, rate: RateLimitItem, key: str, words: str) -> None:
        if not await self._limiter.hit(rate, key):
            left = max(1, round((await self._limiter.get_window_stats(rate, key)).reset_time - time.time()))
            when = f"{left} seconds" if left <= 90 else f"{round(left / 60)} minutes"
            raise TooMany(f"{words} Please wait {when} and try again.", left)

    async def _forgive(self, keys: Sequence[str]) -> None:
        for key in keys:
            await self._storage.decr(self._guesses.key_for(key))

    def agent(self, key_id: object) -> None:
        """Count a request, of which there are many a millisecond. TooMany over AGENT_PER_SECOND."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._requests = second, {}
        count = self._requests[key_id] = self._requests.get(key_id, 0) + 1
        if count > self._agent_per_second:
            raise TooMany(f"more than {self._agent_per_second} requests in a second with this key", 1)

    @contextmanager
    def waiting(self, key_id: object) -> Iterator[None]:
        """Count an agent that waits for a decision, whether it is still there or not. TooMany over fifty at once."""
        if self._waiting[key_id] >= _WAITING:
            raise TooMany(f"{_WAITING} requests with this key wait for a decision already", 1)
        self._waiting[key_id] += 1
        try:
            yield
        finally:
            self._waiting[key_id] -= 1
            self._waiting += Counter()  # forgets those of nobody


def _network(address: str) -> str:
    """Whose address it is: with IPv6 everybody has 2^64 of them."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is None:
            return str(ipaddress.ip_network((known, 64), strict=False))
        known = known.ipv4_mapped
    return str(known)
