"""A text that the API or a form accepts is accepted by its table: both have the same limit."""

import re

from server.kernel.db import lengths
from tests.app_server import AppServer
from tests.database.acting import as_owner

CHECKS = """
select conrelid::regclass::text as table, pg_get_constraintdef(oid, true) as definition from pg_constraint
where contype = 'c' and connamespace = 'public'::regnamespace and pg_get_constraintdef(oid, true) ~ '[^_]length\\('
"""
TAKEN = {
    "users.name": lengths.NAME,
    "agents.name": lengths.NAME,
    "agents.system_prompt": lengths.PROMPT,
    "agents.description": lengths.DESCRIPTION,
    "agents.first_message": lengths.DESCRIPTION,
    "agents.voice_provider": lengths.PROVIDER,
    "agents.voice_id": lengths.VOICE,
    "agents.voice_name": lengths.NAME,
    "agents.model_provider": lengths.PROVIDER,
    "agents.model_name": lengths.MODEL,
    "agent_keys.name": lengths.KEY_NAME,
    "agent_versions.note": lengths.VERSION_NOTE,
    "agent_tools.limit_argument": lengths.NAME,
    "agent_tools.tool_name": lengths.NAME,
    "agent_tools.description": lengths.TOOL_DESCRIPTION,
    "interactions.called_number": lengths.NAME,
    "interactions.caller": lengths.NAME,
    "interactions.external_id": lengths.NAME,
    "interactions.livekit_room_id": lengths.NAME,
    "interactions.end_reason": lengths.END_REASON,
    "interaction_turns.external_id": lengths.NAME,
    "interaction_archives.summary": lengths.SUMMARY,
    "interaction_note_versions.words": lengths.NOTE,
    "interaction_flags.reason": lengths.FLAG_REASON,
    "interaction_tags.tag": lengths.TAG,
    "interaction_turns.text": lengths.TURN_TEXT,
    "signal_choices.zone": lengths.ZONE,
    "push_subscriptions.endpoint": lengths.ENDPOINT,
    "alert_rules.name": lengths.RULE_NAME,
    "realtime_metrics.feed_text": lengths.FEED_TEXT,
    "tool_grants.tool_name": lengths.NAME,
    "tool_permissions.tool_name": lengths.NAME,
    "tool_permissions.tool_description": lengths.TOOL_DESCRIPTION,
    "tool_permissions.reason": lengths.REASON,
    "tool_permissions.held_reason": lengths.REASON,
}
WRITTEN_BY_US = {
    "agent_keys.hint",
    "webhook_deliveries.answer",
    "saved_views.name",
    "setup_steps.detail",
}  # nothing sends them yet


async def test_each_limit_is_the_tables(app_server: AppServer) -> None:
    async with as_owner(app_server) as owner:
        rows = await owner.fetch(CHECKS)
    found = {
        f"{table.removeprefix('public.')}.{column}": int(most)
        for table, definition in rows
        for column, most in re.findall(r"(?<!_)length\((\w+)\) <= (\d+)", definition)
    }
    assert {name: most for name, most in found.items() if name not in WRITTEN_BY_US} == TAKEN
