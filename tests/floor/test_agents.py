"""The order of agents' cards, compared with what it means: the worst that each of them has been in the last half minute."""

import datetime as dt
import itertools

from hypothesis import given
from hypothesis import strategies as st

from server.floor.agents import Standing, in_order, instant

START = dt.datetime(2026, 5, 4, 10, tzinfo=dt.UTC)
SECONDS = 90
CRITICAL, SILENT, ASKS, LOW = range(4)
# What an agent is in each second: any of the four kinds at once. Critical needs a sentiment that is heard.
MOMENT = st.frozensets(st.sampled_from([CRITICAL, SILENT, ASKS, LOW])).map(
    lambda kinds: kinds - {CRITICAL} if SILENT in kinds else kinds
)
# States last a while, so that the last half minute has few changes.
HISTORY = st.lists(st.tuples(MOMENT, st.integers(1, 60)), min_size=1, max_size=6).map(
    lambda spells: [kinds for kinds, seconds in spells for _ in range(seconds)][:SECONDS]
)
FLOORS = st.lists(HISTORY, min_size=1, max_size=5)
AT = START + dt.timedelta(seconds=SECONDS)


def left(history: list[frozenset[int]], kind: int) -> dt.datetime | None:
    """When it was last so, as the row says: the end of the last second in which it was."""
    seconds = [second for second, kinds in enumerate(history) if kind in kinds]
    if not seconds:
        return None
    return AT - dt.timedelta(seconds=len(history) - 1 - seconds[-1])


def standing(slot: int, history: list[frozenset[int]]) -> Standing:
    low = LOW in history[-1]
    return Standing(
        slot=slot,
        critical=CRITICAL in history[-1],
        silent=SILENT in history[-1],
        critical_until=left(history, CRITICAL),
        silent_until=left(history, SILENT),
        low_until=instant("infinity") if low else left(history, LOW),
    )


def ordered(histories: list[list[frozenset[int]]]) -> list[int]:
    """The order of the product; agents by their slots."""
    standings = {str(slot): standing(slot, history) for slot, history in enumerate(histories)}
    asked_until = {
        str(slot): until.isoformat()
        for slot, history in enumerate(histories)
        if ASKS not in history[-1] and (until := left(history, ASKS))
    }
    asking = {str(slot) for slot, history in enumerate(histories) if ASKS in history[-1]}
    return [int(agent) for agent in in_order(standings, asking, asked_until, AT.isoformat())]


def worst(history: list[frozenset[int]], lately: int) -> int:
    """The worst kind of the last seconds; 4 for none."""
    return min((kind for kinds in history[-lately:] for kind in kinds), default=4)


@given(FLOORS)
def test_cards_stand_by_the_worst_of_the_last_half_minute(histories: list[list[frozenset[int]]]) -> None:
    order = ordered(histories)
    assert sorted(order) == list(range(len(histories)))
    for before, after in itertools.pairwise(order):
        higher, lower = histories[before], histories[after]
        assert worst(higher, 30) <= worst(lower, 30)
        if worst(higher, 30) == worst(lower, 30) != CRITICAL:
            assert before < after
    now = [slot for slot in order if CRITICAL in histories[slot][-1]]
    assert order[: len(now)] == sorted(now), "critical now comes before all others"
    once = [slot for slot in order[len(now) :] if worst(histories[slot], 30) == CRITICAL]
    assert order[len(now) : len(now) + len(once)] == sorted(once)


@given(FLOORS, st.data())
def test_a_card_moves_up_at_once_and_nobody_else_changes_places(
    histories: list[list[frozenset[int]]], data: st.DataObject
) -> None:
    slot = data.draw(st.integers(0, len(histories) - 1))
    worse = [*histories[slot][:-1], histories[slot][-1] - {SILENT} | {CRITICAL}]
    before = ordered(histories)
    after = ordered([worse if one == slot else history for one, history in enumerate(histories)])
    assert after.index(slot) <= before.index(slot)
    assert [one for one in after if one != slot] == [one for one in before if one != slot]


def test_one_that_was_critical_never_stands_before_one_that_is() -> None:
    was = [frozenset({CRITICAL})] * 5 + [frozenset()] * 29
    now: list[frozenset[int]] = [frozenset()] * 5 + [frozenset({CRITICAL})]
    fine: list[frozenset[int]] = [frozenset()]
    assert ordered([fine, was, now]) == [2, 1, 0]
    assert ordered([fine, [*was, frozenset()], now]) == [2, 0, 1]


def test_an_infinite_time_is_later_than_any_other() -> None:
    assert instant(None) is None
    always, soon = instant("infinity"), instant("2999-01-01T00:00:00+00:00")
    assert always is not None
    assert soon is not None
    assert always > soon
