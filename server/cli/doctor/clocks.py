"""Whether two clocks agree, as far as the way between them lets one see."""

from server.cli.doctor.findings import Finding, doubtful, right, wrong

_NOTICED, _HARMFUL = 2.0, 10.0  # seconds; tokens are checked with ten seconds of patience


def ahead(asked: float, answered: float, earliest: float, latest: float) -> float:
    """How many seconds this machine is ahead at least, or behind (below zero).

    Somewhen between `asked` and `answered` by our clock, the other one showed `earliest` to `latest`.
    """
    most, least = answered - earliest, asked - latest
    return least if least > 0 else min(most, 0.0)


def judged(whose: str, seconds: float) -> Finding:
    """What that means; `whose` other clock it is."""
    if abs(seconds) <= _NOTICED:
        return right(f"this machine's clock and {whose} agree")
    apart = f"this machine's clock is {abs(seconds):.0f} seconds {'ahead of' if seconds > 0 else 'behind'} {whose}"
    advice = "let both follow a time server (NTP)"
    if abs(seconds) <= _HARMFUL:
        return doubtful(f"{apart}: {advice}")
    return wrong(f"{apart}, so sign-ins are taken for expired or not yet begun: {advice}")
