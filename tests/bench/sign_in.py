"""How long refused sign-ins take, by reason: the time must not tell the reason."""

import asyncio
import statistics
import sys
import time

import httpx
import uvloop

from tests.app_server import PASSWORD, AppServer
from tests.bench.table import Row, ratio, table
from tests.conftest import a_folder, free_port, serving

ROUNDS = 20
WRONG = "wrong password"
TARGET = 1.15


async def run(short: bool) -> list[Row]:
    """One attempt for each reason by turns, a new connection each; each reason beside a wrong password."""
    rounds = 2 if short else ROUNDS
    with (
        a_folder() as folder,
        serving(folder / "home", free_port()) as app_server,
    ):  # which allows a thousand attempts
        attempts = await _reasons(app_server)
        took: dict[str, list[float]] = {reason: [] for reason in attempts}
        for _ in range(rounds):
            for reason, fields in attempts.items():
                took[reason].append(await _refused(app_server, fields))
    return [_row(reason, took[reason], took[WRONG]) for reason in attempts if reason != WRONG]


async def _reasons(app_server: AppServer) -> dict[str, dict[str, str]]:
    people = [await app_server.hire("voice", agents=0) for _ in range(4)]
    known, banned, deactivated, missing = people
    async with app_server.database() as owner:
        await owner.execute(
            "update auth.users set banned_until = now() + interval '1 day' where id = $1", banned.id
        )
        await owner.execute("update public.users set deactivated_at = now() where id = $1", deactivated.id)
        await owner.execute("delete from public.users where id = $1", missing.id)
    return {
        WRONG: {"email": known.email, "password": "wrong"},
        "unknown e-mail": {"email": "nobody@example.com", "password": PASSWORD},
        "banned": {"email": banned.email, "password": PASSWORD},
        "deactivated": {"email": deactivated.email, "password": PASSWORD},
        "no profile": {"email": missing.email, "password": PASSWORD},
    }


async def _refused(app_server: AppServer, fields: dict[str, str]) -> float:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=30) as browser:
        began = time.perf_counter()
        answer = await browser.post("/login", data=fields)
        took = time.perf_counter() - began
    assert answer.status_code == 401, answer.text
    return took


def _row(reason: str, ours: list[float], wrong: list[float]) -> Row:
    times, least, most = ratio(ours, wrong)
    medians = statistics.median(ours) * 1000, statistics.median(wrong) * 1000
    return Row(
        f"sign-in refused: {reason}, beside a wrong password",
        f"≤ {TARGET} times, ≥ {1 / TARGET:.2f}",
        f"{times:.2f} times",
        f"{least:.2f} to {most:.2f}; {medians[0]:.0f} and {medians[1]:.0f} ms",
        not 1 / TARGET <= times <= TARGET,
        {"ratio": times, "ms": medians[0]},
    )


if __name__ == "__main__":
    uvloop.install()
    print(table(asyncio.run(run(short="short" in sys.argv))))
