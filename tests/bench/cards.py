"""A floor as the database gives it: ten agents in interactions, with sixty scores and six lines each."""

from server.floor.pages import Agent, Floor

AGENTS = 10


def agent(number: int) -> Agent:
    """One agent in an interaction."""
    key = f"00000000-0000-4000-8000-{number:012}"
    at = f"2026-05-04T10:{number:02}:{{:02}}.123456+00:00"
    return {
        "id": key,
        "supervisor_id": key,
        "slot": number,
        "row_version": None,
        "name": f"Voice agent {number}",
        "agent_type": "voice",
        "status": "in_interaction",
        "paused_at": None,
        "interaction": {
            "id": key,
            "agent_id": key,
            "version": "1",
            "started_at": at.format(0),
            "phone_number": f"+1850555{number:04}",
            "caller": None,
            "last_seen_at": at.format(59),
            "sentiment": "neutral",
            "satisfaction_score": 62.5,
            "scores": [float((number * 7 + place * 13) % 101) for place in range(60)],
            "feed": [
                {
                    "id": second,
                    "at": at.format(second),
                    "text": f"I'd like to know where my order no. {second} is, please.",
                }
                for second in range(6)
            ],
            "grants": None,
            "is_test": False,
            "silent_since": None,
            "silent_until": None,
            "critical_until": None,
            "low_until": None,
            "critical_since": None,
        },
        "last": {
            "ended_at": at.format(30),
            "status": "completed",
            "csat_score": 4.0,
            "id": "00000000-0000-4000-8000-000000000000",
        },
    }


def floor() -> Floor:
    """All of them, and nothing that waits for a decision."""
    return {
        "agents": [agent(number) for number in range(AGENTS)],
        "tool_permissions": [],
        "answered": [],
        "more": 0,
        "asked_until": {},
        "read_at": "2026-05-04T10:00:00.123456+00:00",
    }
