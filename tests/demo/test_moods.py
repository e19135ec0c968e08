"""The rule from labels to satisfaction."""

import pytest

from server.demo.moods import START, TARGETS, Labels, Mood, target
from server.demo.player import sentiment


def test_outcomes_order_the_targets() -> None:
    assert list(TARGETS.values()) == sorted(TARGETS.values(), reverse=True)
    assert target(Labels("resolved", goal_met=True)) == 95
    assert target(Labels("unresolved", goal_met=False, annoyed=True)) == 10
    assert target(Labels("error", goal_met=False, annoyed=True, failed_calls=9)) == 0


def test_satisfaction_walks_from_the_start_to_the_target() -> None:
    mood = Mood(Labels("unresolved"), spoken_turns=4)
    path = [mood.heard("fine", customer=False) for _ in range(4)]
    assert path == sorted(path, reverse=True)
    assert path[0] < START
    assert path[-1] == target(Labels("unresolved"))


def test_cues_show_at_once_and_fade() -> None:
    mood = Mood(Labels(), spoken_turns=9)
    assert mood.heard("this is ridiculous", customer=True) == START - 8
    assert mood.heard("this is ridiculous", customer=False) == START - 4, "agents do not complain"
    assert mood.called(failed=True) == START - 14
    assert mood.heard("Thanks, great", customer=True) == START - 1


@pytest.mark.parametrize(
    ("score", "mood"), [(100, "good"), (70, "good"), (69, "neutral"), (40, "neutral"), (39, "critical")]
)
def test_sentiment_follows_from_the_score(score: int, mood: str) -> None:
    assert sentiment(score) == mood
