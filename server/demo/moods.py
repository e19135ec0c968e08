"""Derives a satisfaction from a recorded interaction, which has labels but no score.

It starts at 70 and moves in a straight line, turn by turn, to a target given by the outcome: resolved 90, completed 75, no
outcome 70, transferred 45, unresolved 35, abandoned 25, error 20. The target is 5 higher where the customer reported
the goal as met and 10 lower where not, 15 lower where the agent reported the customer as annoyed, 5 lower for each
failed tool call (three at most). Cues are added to the line: thanks of the customer +6, a complaint -8, a failed
tool call -10; each loses half its weight per turn.
"""

import re
from dataclasses import dataclass

START = 70
TARGETS = {
    "resolved": 90,
    "completed": 75,
    "absent": 70,
    "transferred": 45,
    "unresolved": 35,
    "abandoned": 25,
    "error": 20,
}
PLEASED = re.compile(
    r"\b(thanks?|thank you|great|perfect|awesome|wonderful|sounds good|appreciate|happy)\b", re.IGNORECASE
)
UPSET = re.compile(
    r"\b(frustrat\w+|annoy\w+|ridiculous|unacceptable|terrible|awful|angry|upset|disappoint\w+|wrong|useless"
    r"|not working|already told|waste|worst|hate|rude|really\?|come on|hurry|complain\w*)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a record; None where one is missing."""

    outcome: str = "absent"
    goal_met: bool | None = None
    annoyed: bool | None = None
    failed_calls: int = 0


def target(labels: Labels) -> int:
    """The final satisfaction, which is the CSAT score too."""
    score = TARGETS[labels.outcome]
    score += {True: 5, False: -10, None: 0}[labels.goal_met]
    score -= 15 if labels.annoyed else 0
    score -= 5 * min(labels.failed_calls, 3)
    return _bounded(score)


class Mood:
    """The satisfaction during the turns: a line from START to the target, plus the cues."""

    def __init__(self, labels: Labels, spoken_turns: int) -> None:
        self._step = (target(labels) - START) / max(1, spoken_turns)
        self._line = float(START)
        self._cue = 0.0

    def heard(self, text: str, *, customer: bool) -> int:
        self._line += self._step
        self._cue /= 2
        if customer:
            self._cue += 6 * bool(PLEASED.search(text)) - 8 * bool(UPSET.search(text))
        return self.now()

    def called(self, *, failed: bool) -> int:
        self._cue -= 10 * failed
        return self.now()

    def now(self) -> int:
        return _bounded(self._line + self._cue)


def _bounded(score: float) -> int:
    return round(min(100, max(0, score)))
