"""The most characters of texts. The constraints of tables have the same numbers; a test compares them."""

NAME = 255  # of a person, an agent, a tool, a LiveKit room, and ids given by others
TOOL_DESCRIPTION = 4000
DESCRIPTION = 4000  # of an agent
PROMPT = 100_000
VERSION_NOTE = 200
PROVIDER, MODEL, VOICE = 50, 100, 100
KEY_NAME = 100
REASON = 1000  # of a decision
NOTE, FLAG_REASON, TAG = 4000, 500, 50  # of people, on an interaction
FEED_TEXT = 500  # one line
TURN_TEXT = 4000
SUMMARY = 10_000
END_REASON = 100
ZONE = 64  # its name
ENDPOINT = 1000  # of web push; those of browsers have about 200
RULE_NAME = 80  # of a rule of alerts
