"""Whether two clocks agree, as far as the delay of the network lets this be measured."""

from server.cli.doctor.findings import Finding, doubtful, right, wrong

_NOTICED, _HARMFUL = 2.0, 10.0  # seconds; tokens are checked with a tolerance of ten


def ahead(asked: float, answered: float, earliest: float, latest: float) -> float:
    """By how many seconds this machine is ahead, at least; negative when it is behind.

    At some moment between `asked` and `answered` of this machine's clock, the other one showed `earliest` to `latest`.
    """
    most, least = answered - earliest, asked - latest
    return least if least > 0 else min(most, 0.0)


def judged(whose: str, seconds: float) -> Finding:
    """The finding; `whose` names the other clock."""
    if abs(seconds) <= _NOTICED:
        return right(f"this machine's clock and {whose} agree")
    apart = f"this machine's clock is {abs(seconds):.0f} seconds {'ahead of' if seconds > 0 else 'behind'} {whose}"
    advice = "let both follow a time server (NTP)"
    if abs(seconds) <= _HARMFUL:
        return doubtful(f"{apart}: {advice}")
    return wrong(f"{apart}, so tokens seem to be expired or not valid yet: {advice}")
