"""The functions of the leaderboard and the sums behind it, as functions.py has them."""

from tests.database.callers import NOBODY, PEOPLE, PERSON, SERVICE, Function, of

LEADERBOARD: dict[str, Function] = {
    "public.leaderboard": of(PERSON, "public.leaderboard()", PEOPLE, "FW403"),
    "public.leaderboard_v2": of(
        PERSON, "public.leaderboard_v2(date_trunc('day', now()), date_trunc('day', now()) + interval '1 day')", PEOPLE, "FW403"
    ),
    "public.agent_leaderboard": of(
        PERSON, "public.agent_leaderboard(date_trunc('day', now()), date_trunc('day', now()) + interval '1 day')", PEOPLE, "FW403"
    ),
    "public.leaderboard_trend": Function(
        may=PERSON, call="public.leaderboard_trend(array[now() - interval '1 hour', now()], array[]::uuid[])",
        its={"nothing": PEOPLE}, otherwise="FW403",
    ),
    "public.calculate_performance_score": of(
        f"{PERSON} {SERVICE}", "public.calculate_performance_score({id})", f"{PEOPLE} service", "FW403",
        id="'{owner}'", unknown="FW404",
    ),
    "private.leaderboard_range": of(
        PERSON, "private.leaderboard_range('today', null, null, 'UTC')", f"{PEOPLE} nobody deactivated deactivated_admin"
    ),
    "private.check_range": NOBODY,
    "private.closed_part": NOBODY,
    "private.keep_range": NOBODY,
    "private.sums_between": NOBODY,
    "private.performance_of": NOBODY,
    "private.scores_between": NOBODY,
    "private.period_start": NOBODY,
    "private.scores": NOBODY,
}  # fmt: skip
