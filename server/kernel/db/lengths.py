"""How long texts may be, in characters. The tables' constraints say the same, and a test compares them."""

NAME = 255  # of a person, an agent, a tool, a room, and ids that others give
TOOL_DESCRIPTION = 4000
REASON = 1000  # of a decision
FEED_TEXT = 500  # one line
TURN_TEXT = 4000
SUMMARY = 10_000
END_REASON = 100
