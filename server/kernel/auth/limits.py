"""Limits within this process: failed sign-ins per account and address, e-mails per account, requests per agent key."""

import asyncio
import ipaddress
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from server.errors import TooMany, Unavailable
from server.settings import Settings

_EMAILS = RateLimitItemPerHour(5)  # to one account
_WAITING = 50  # long polls of one key
# Wrong passwords per hour, as a multiple of LOGIN_PER_MINUTE: for one account from one address, and from all addresses.
_PAIR, _HOUR = 2, 10
_QUEUE = 500  # attempts that wait for their turn at one key


class Limits:
    """Rates within this process. A window begins with its first attempt."""

    def __init__(self, settings: Settings) -> None:
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)
        each = settings.login_per_minute
        self._minute = RateLimitItemPerMinute(each)
        self._pair = RateLimitItemPerHour(_PAIR * each)
        self._hour = RateLimitItemPerHour(_HOUR * each)
        self._in_flight = Counter[str]()  # per key: attempts whose outcome is not known yet
        self._turns = defaultdict[str, deque[asyncio.Future[None]]](deque)  # per key: attempts that wait
        self._agent_per_second = settings.agent_per_second
        self._second, self._requests = 0, dict[object, int]()  # per key, in this second
        self._unknown_key_at = 0.0  # when a request with an unknown key was last noted, in monotonic time
        self._waiting = Counter[object]()  # per key: requests that wait for a decision

    def notes_unknown_key(self) -> bool:
        """Whether a request with an unknown key may be noted for those who wait for a first call: one per second."""
        now = time.monotonic()
        if now - self._unknown_key_at < 1:
            return False
        self._unknown_key_at = now
        return True

    @asynccontextmanager
    async def attempt(
        self, address: str, account: str | None = None, device: str | None = None
    ) -> AsyncIterator[None]:
        """Let an attempt with a secret through, and count it if it turns out wrong. TooMany after too many wrong ones.

        With LOGIN_PER_MINUTE = n, wrong ones are counted

        - from an address: n per minute; for one account from it: 2 n per hour as well;
        - for an account, from all addresses together: 10 n per hour. One address can use up a fifth of it, so to lock an
          account out of browsers that it has not used takes five addresses, each hour anew;
        - in a browser in which this person has signed in before: n per minute of its own, and 10 n per hour in all such
          browsers, instead of the above. Others cannot use these up.

        Right passwords are never counted, so that an office behind one address can begin its day: while as many attempts are
        in flight as could still be wrong, the next one waits for its turn. Each web process counts for itself (2026-11-25).
        """
        if device:
            wanted = [(f"device:{device}", self._minute), (f"devices of:{account}", self._hour)]
        else:
            network = _network(address)
            wanted = [(f"address:{network}", self._minute)]
            if account is not None:
                wanted += [(f"pair:{network} {account}", self._pair), (f"account:{account}", self._hour)]
        keys = [rate.key_for(name) for name, rate in wanted]
        await self._enter(wanted)
        try:
            yield
        except Unavailable:  # the attempt was not judged
            raise
        except BaseException:
            for name, rate in wanted:
                await self._limiter.hit(rate, name)
            raise
        finally:
            self._in_flight.subtract(keys)
            self._in_flight += Counter()  # removes keys without attempts
            for key in keys:
                self._wake(key)

    async def _enter(self, wanted: Sequence[tuple[str, RateLimitItem]]) -> None:
        """Wait until an attempt may be made, and count it as in flight."""
        came_for = None
        while (full := await self._full(wanted)) is not None:
            if len(self._turns[full]) >= _QUEUE:
                raise TooMany("Too many sign-in attempts at once. Please try again.", 1)
            turn = asyncio.get_running_loop().create_future()
            if full == came_for:  # it was the first already
                self._turns[full].appendleft(turn)
            else:
                self._turns[full].append(turn)
            came_for = full
            try:
                await turn
                passed = await self._full(wanted)
            except BaseException:  # cancelled or refused: its turn passes to the next one
                if turn.done() and not turn.cancelled():
                    self._wake(full)
                raise
            if passed not in (None, full):
                self._wake(full)  # it waits for another key now
        self._in_flight.update(rate.key_for(name) for name, rate in wanted)

    async def _full(self, wanted: Sequence[tuple[str, RateLimitItem]]) -> str | None:
        """The key that has as many attempts in flight as may be wrong, or None. TooMany where that many were wrong."""
        full = None
        for name, rate in wanted:
            key = rate.key_for(name)
            wrong = await self._storage.get(key)
            if wrong >= rate.amount:
                raise await self._too_many(rate, name, "Too many sign-in attempts.")
            if wrong + self._in_flight[key] >= rate.amount:
                full = key
        return full

    def _wake(self, key: str) -> None:
        turns = self._turns.get(key)
        while turns:
            turn = turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._turns.pop(key, None)

    async def email(self, address: str, account: str) -> None:
        """Count an e-mail that was asked for. TooMany as above."""
        await self._count(self._minute, f"e-mails from:{_network(address)}", "Too many requests.")
        await self._count(_EMAILS, f"e-mails to:{account}", "Too many e-mails were asked for.")

    async def _count(self, rate: RateLimitItem, name: str, words: str) -> None:
        if not await self._limiter.hit(rate, name):
            raise await self._too_many(rate, name, words)

    async def _too_many(self, rate: RateLimitItem, name: str, words: str) -> TooMany:
        left = max(1, round((await self._limiter.get_window_stats(rate, name)).reset_time - time.time()))
        when = f"{left} seconds" if left <= 90 else f"{round(left / 60)} minutes"
        return TooMany(f"{words} Please wait {when} and try again.", left)

    def agent(self, key_id: object) -> None:
        """Count a request; this runs thousands of times per second. TooMany above AGENT_PER_SECOND."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._requests = second, {}
        count = self._requests[key_id] = self._requests.get(key_id, 0) + 1
        if count > self._agent_per_second:
            raise TooMany(f"more than {self._agent_per_second} requests in a second with this key", 1)

    @contextmanager
    def waiting(self, key_id: object) -> Iterator[None]:
        """Count a request that waits for a decision until the block ends. TooMany above fifty per key."""
        if self._waiting[key_id] >= _WAITING:
            raise TooMany(f"{_WAITING} requests with this key wait for a decision already", 1)
        self._waiting[key_id] += 1
        try:
            yield
        finally:
            self._waiting[key_id] -= 1
            self._waiting += Counter()  # removes keys without requests


def _network(address: str) -> str:
    """The network of an address: with IPv6, one customer has 2^64 addresses (a /64)."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is None:
            return str(ipaddress.ip_network((known, 64), strict=False))
        known = known.ipv4_mapped
    return str(known)
