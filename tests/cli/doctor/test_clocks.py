"""Two clocks, with a delay between them."""

from hypothesis import given
from hypothesis import strategies as st

from server.cli.doctor import clocks

seconds = st.floats(0, 100)


@given(now=st.floats(1e9, 2e9), there=seconds, back=seconds, behind=st.floats(-1000, 1000), blurred=seconds)
def test_never_more_is_said_than_can_be_seen(
    now: float, there: float, back: float, behind: float, blurred: float
) -> None:
    """However long the delay and however coarse the other clock, the finding never says more than the truth."""
    shown = now + there - behind
    said = clocks.ahead(now, now + there + back, shown - blurred, shown + blurred)
    assert abs(said) <= abs(behind) + 1e-3
    assert said * behind >= -1e-3


@given(behind=st.floats(-1000, 1000))
def test_a_quick_way_shows_all_of_it(behind: float) -> None:
    assert abs(clocks.ahead(1e9, 1e9, 1e9 - behind, 1e9 - behind) - behind) < 1e-3


def test_from_two_seconds_it_is_noticed_and_from_ten_it_is_wrong() -> None:
    marks = [clocks.judged("a clock's", offset).mark for offset in (0, 1.9, -1.9, 2.1, -9.9, 10.1, -3600)]
    assert marks == ["✓", "✓", "✓", "!", "!", "✗", "✗"]
    assert "3600 seconds behind a clock's" in clocks.judged("a clock's", -3600).sentence
    assert "11 seconds ahead of a clock's" in clocks.judged("a clock's", 11).sentence
