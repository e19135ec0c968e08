"""Each constraint and unique index, and the change of a row that breaks it. test_constraints.py tries each."""

from dataclasses import dataclass

from tests.database.constraints_review import ANOTHER, NOBODY, REVIEW
from tests.database.constraints_rules import RULES
from tests.database.constraints_signals import SIGNALS

A_HASH = "sha256(gen_random_uuid()::text::bytea)"
LONG = "repeat('x', {})".format


@dataclass(frozen=True, slots=True)
class Table:
    """Each constraint with the change that breaks it in a copy of a row; {names} are of sample.py."""

    broken_by: dict[str, str]
    row: str = "true"
    first: str = ""


TABLES = {
    **{name: Table(broken, row=row) for name, (row, broken) in (REVIEW | SIGNALS | RULES).items()},
    "private.drills": Table(
        {
            "drills_pkey": "why = 'another'",
            "drills_waiting": f"id = {ANOTHER}, outcome = null, ended_at = null, arguments = '{{{{}}}}', arguments_digest = 'x'",
            "drills_supervisor_id_fkey": f"id = {ANOTHER}, supervisor_id = {NOBODY}",
            "drills_interaction_id_fkey": f"id = {ANOTHER}, interaction_id = {NOBODY}",
            "drills_created_by_fkey": f"id = {ANOTHER}, created_by = {NOBODY}",
            "drills_template_check": f"template = {LONG(41)}",
            "drills_why_check": f"why = {LONG(301)}",
            "drills_tool_name_check": "tool_name = ''",
            "drills_tool_description_check": f"tool_description = {LONG(1001)}",
            "drills_outcome_check": "outcome = 'slept'",
            "drills_ended_check": "ended_at = null",
            "drills_words_check": "arguments = '{{}}', arguments_digest = 'x'",
        },
        row="outcome = 'caught'",
        first="""insert into private.drills (supervisor_id, interaction_id, template, why, tool_name, known_tool, expires_at, arguments, arguments_digest)
            values ({owner}, {live}, 'amount', 'x', 'refund', true, now(), '{{}}', 'x')""",
    ),
    "private.decision_search": Table(
        {
            "decision_search_pkey": "key = 'another'",
            "decision_search_tool_permission": f"tool_permission_id = {ANOTHER}",
        },
        first="""insert into private.decision_search (tool_permission_id, agent_id, requested_at, key)
            select id, agent_id, requested_at, 'x' from public.tool_permissions t
            where not exists (select from private.decision_search d where d.tool_permission_id = t.id) order by requested_at desc limit 1""",
    ),
    "private.interaction_search": Table(
        {
            "interaction_search_pkey": "labels = '{{another}}'",
            "interaction_search_interaction": f"interaction_id = {ANOTHER}",
        },
    ),
    "private.interactions_to_find": Table(
        {"interactions_to_find_pkey": "started_at = now()"},
        first=f"insert into private.interactions_to_find (interaction_id, started_at) values ({ANOTHER}, now())",
    ),
    "private.drill_plans": Table(
        {
            "drill_plans_pkey": "per_day = 2",
            "drill_plans_supervisor_id_fkey": f"supervisor_id = {NOBODY}",
            "drill_plans_per_day_check": "per_day = 6",
        },
    ),
    "private.idempotency_keys": Table(
        {
            "idempotency_keys_pkey": "status = 200",
            "idempotency_keys_key_check": "key = ''",
            "idempotency_keys_agent_id_fkey": f"agent_id = {NOBODY}",
        },
        first="insert into private.idempotency_keys (agent_id, key, request_digest) values ({agent}, 'one', 'digest')",
    ),
    "private.pages": Table(
        {"pages_pkey": "function = 'another'", "pages_function_check": "name = 'another', function = 'a.b'"}
    ),
    "private.performance_changes": Table({"performance_changes_pkey": "completed = 1"}),
    "private.performance_sums": Table(
        {"performance_sums_pkey": "completed = 1", "performance_sums_span_check": "span = 'year'"}
    ),
    "private.performance_ranges": Table(
        {
            "performance_ranges_pkey": "since = '2026-01-02 00:00+00'",
            "performance_ranges_once": "id = 1",
            "performance_ranges_whose_check": "whose = 'admin', id = 1",
            "performance_ranges_forward": "until = since, id = 1",
        },
        first="insert into private.performance_ranges (whose, since, until) values ('agent', '2026-01-01', '2026-02-01')",
    ),
    "private.performance_range_sums": Table(
        {
            "performance_range_sums_pkey": "completed = 1",
            "performance_range_sums_range_id_fkey": "range_id = -1",
        },
        first="""with r as (insert into private.performance_ranges (whose, since, until) values ('agent', '2026-03-01', '2026-04-01') returning id)
        insert into private.performance_range_sums (range_id, key, completed, handle_seconds, rated, csat_hundredths, fcr_known, fcr_true)
        select id, gen_random_uuid(), 0, 0, 0, 0, 0, 0 from r""",
    ),
    "private.profile_faults": Table(
        {"profile_faults_pkey": "reason = 'another'"},
        first=f"insert into private.profile_faults (user_id, reason) values ({ANOTHER}, 'one')",
    ),
    "private.web_sessions": Table(
        {
            "web_sessions_pkey": f"token_hash = {A_HASH}",
            "web_sessions_token_hash_key": f"id = {ANOTHER}",
            "web_sessions_address_check": f"address = {LONG(65)}",
            "web_sessions_token_hash_check": "token_hash = 'short'",
            "web_sessions_user_agent_check": f"user_agent = {LONG(401)}",
            "web_sessions_user_id_fkey": f"id = {ANOTHER}, token_hash = {A_HASH}, user_id = {NOBODY}",
        },
    ),
    "public.agent_keys": Table(
        {
            "agent_keys_pkey": f"key_hash = {A_HASH}",
            "agent_keys_key_hash_key": f"id = {ANOTHER}",
            "agent_keys_hint_check": f"hint = {LONG(13)}",
            "agent_keys_key_hash_check": "key_hash = 'short'",
            "agent_keys_name_check": f"name = {LONG(101)}",
            "agent_keys_created_by_fkey": f"id = {ANOTHER}, key_hash = {A_HASH}, created_by = {NOBODY}",
            "agent_keys_agent_id_fkey": f"id = {ANOTHER}, key_hash = {A_HASH}, agent_id = {NOBODY}",
        },
    ),
    "public.agent_tools": Table(
        {
            "agent_tools_pkey": "tool_name = 'another'",
            "agent_tools_name": f"id = {ANOTHER}",
            "agent_tools_description_check": f"description = {LONG(4001)}",
            "agent_tools_input_schema_check": "input_schema = '[]'",
            "agent_tools_tool_config_check": "tool_config = '1'",
            "agent_tools_tool_name_check": "tool_name = ''",
            "agent_tools_undo_seconds": "undo_seconds = 301",
            "agent_tools_limit_argument_check": "limit_argument = '', asks_above = 1",
            "agent_tools_limits": "asks_above = 10, refuses_above = 9, limit_argument = 'amount'",
            "agent_tools_mode_check": "mode = 'waits', requires_permission = false",
            "agent_tools_mode_agrees": "mode = 'refused', requires_permission = false",
            "agent_tools_secret": "sealed_secret = 'x', secret_set_at = null",
            "agent_tools_uses_check": "uses_per_interaction = 0",
            "agent_tools_agent_id_fkey": f"id = {ANOTHER}, agent_id = {NOBODY}",
        },
    ),
    "public.agent_config": Table(
        {
            "agent_config_pkey": "config_key = 'another'",
            "agent_config_once": f"id = {ANOTHER}",
            "agent_config_key_check": "config_key = 'Max duration'",
            "agent_config_size_check": f"config_key = 'note', config_value = to_jsonb({LONG(20_001)})",
            "agent_config_max_call_duration": "config_key = 'max_call_duration', config_value = '86401'",
            "agent_config_enable_recording": "config_key = 'enable_recording', config_value = '1'",
            "agent_config_callback_url": """config_key = 'callback_url', config_value = '"ftp://example.com"'""",
            "agent_config_custom_metadata": "config_key = 'custom_metadata', config_value = '[]'",
            "agent_config_agent_id_fkey": f"id = {ANOTHER}, agent_id = {NOBODY}",
        },
    ),
    "public.setup_steps": Table(
        {
            "setup_steps_pkey": "step = 'refused'",
            "setup_steps_once": "id = 1e15",
            "setup_steps_step_check": "step = 'rested'",
            "setup_steps_detail_check": f"detail = {LONG(1001)}",
            "setup_steps_agent_id_fkey": f"id = 1e15, agent_id = {NOBODY}",
        },
    ),
    "public.permission_sights": Table(
        {
            "permission_sights_pkey": "opened_arguments = true",
            "permission_sights_tool_permission_id_fkey": f"tool_permission_id = {NOBODY}",
            "permission_sights_viewer_id_fkey": f"viewer_id = {NOBODY}",
        },
    ),
    "public.webhook_deliveries": Table(
        {
            "webhook_deliveries_pkey": "event = 'interaction.ended'",
            "webhook_deliveries_event_check": "event = 'interaction.rested'",
            "webhook_deliveries_answer_check": f"answer = {LONG(501)}",
            "webhook_deliveries_state_check": "delivered_at = now(), next_at = now()",
            "webhook_deliveries_agent_id_fkey": f"id = 1e15, agent_id = {NOBODY}",
            "webhook_deliveries_interaction_id_fkey": f"id = 1e15, interaction_id = {NOBODY}",
        },
    ),
    "public.agent_versions": Table(
        {
            "agent_versions_pkey": "version = 1000",
            "agent_versions_once": "id = 1e15",
            "agent_versions_note_check": f"note = {LONG(201)}",
            "agent_versions_version_check": "version = 0",
            "agent_versions_agent_id_fkey": f"id = 1e15, agent_id = {NOBODY}",
            "agent_versions_created_by_fkey": f"id = 1e15, version = 1000, created_by = {NOBODY}",
        },
    ),
    "public.agents": Table(
        {
            "agents_pkey": "slot = 3",
            "agents_owner_and_type": "slot = 3",
            "agents_agent_type_check": "agent_type = 'fax', supervisor_id = null, slot = null",
            "agents_description_check": f"description = {LONG(4001)}",
            "agents_first_message_check": f"first_message = {LONG(4001)}",
            "agents_language_check": "language = 'english'",
            "agents_model_check": "model_name = ''",
            "agents_owned": "is_template = true",
            "agents_parent_check": "template_parent_id = id",
            "agents_setup_check": "setup_began_at = null, setup_ended_at = now()",
            "agents_silence_check": "silence_threshold_seconds = 0",
            "agents_slot_owned": "slot = null",
            "agents_voice_check": "voice_id = ''",
            "agents_created_by_fkey": f"id = {ANOTHER}, retired_at = now(), created_by = {NOBODY}",
            "agents_template_parent_id_fkey": f"id = {ANOTHER}, retired_at = now(), template_parent_id = {NOBODY}",
            "agents_mcp_tools_shape": """mcp_tools = '{{"tools": 1}}'""",
            "agents_name_check": "name = ''",
            "agents_slot_check": "slot = 4",
            "agents_status_check": "status = 'busy'",
            "agents_system_prompt_check": f"system_prompt = {LONG(100_001)}",
            "agents_supervisor": f"id = {ANOTHER}, supervisor_id = {NOBODY}",
            "agents_slot": f"id = {ANOTHER}, slot = slot",
        },
        row="retired_at is null and slot = 1",
    ),
    "public.audit_logs": Table({"audit_logs_pkey": "action = 'another'"}),
    "public.interaction_archives": Table(
        {
            "interaction_archives_pkey": "csat_score = 1",
            "interaction_archives_interaction_id_key": f"id = {ANOTHER}",
            "interaction_archives_csat_score_check": "csat_score = 101",
            "interaction_archives_issues": "issues = '[1]'",
            "interaction_archives_resolution_time_seconds_check": "resolution_time_seconds = -1",
            "interaction_archives_summary_check": "summary = ''",
            "interaction_archives_tags": "tags = '[]'",
            "interaction_archives_interaction": f"id = {ANOTHER}, interaction_id = {NOBODY}",
        },
    ),
    "public.interaction_pulse": Table(
        {
            "interaction_pulse_pkey": "satisfaction_score = 1",
            "interaction_pulse_satisfaction_score_check": "satisfaction_score = 101",
            "interaction_pulse_sentiment_check": "sentiment = 'angry'",
            "interaction_pulse_agent_id_fkey": f"agent_id = {NOBODY}, interaction_id = {{unarchived}}",
            "interaction_pulse_interaction": f"interaction_id = {NOBODY}",
        },
        row="interaction_id = {live}",
    ),
    "public.interaction_turns": Table(
        {
            "interaction_turns_pkey": "captured_at = 'infinity'",
            "interaction_turns_once": "id = 1e15, external_id = null",
            "interaction_turns_external": "id = 1e15, captured_at = 'infinity'",
            "interaction_turns_external_id_check": "external_id = ''",
            "interaction_turns_speaker_check": "speaker = 'robot'",
            "interaction_turns_text_check": f"text = {LONG(4001)}",
            "interaction_turns_interaction": f"id = 1e15, interaction_id = {NOBODY}",
        },
        first="update public.interaction_turns set external_id = id::text",
    ),
    "public.interactions": Table(
        {
            "interactions_pkey": "external_id = 'another'",
            "interactions_external": f"id = {ANOTHER}",
            "interactions_owner": "external_id = 'another'",
            "interactions_called_number_check": f"called_number = {LONG(256)}",
            "interactions_caller_check": f"caller = {LONG(256)}",
            "interactions_ended": "ended_at = null",
            "interactions_end_reason_check": "end_reason = ''",
            "interactions_external_id_check": "external_id = ''",
            "interactions_forward": "ended_at = started_at - interval '1 s'",
            "interactions_interaction_type_check": "interaction_type = 'fax'",
            "interactions_livekit_room_id_check": f"livekit_room_id = {LONG(256)}",
            "interactions_phone_number_check": "phone_number = '0123'",
            "interactions_status_check": "status = 'lost'",
            "interactions_agent": f"id = {ANOTHER}, external_id = 'another', agent_id = {NOBODY}",
            "interactions_one_active": f"id = {ANOTHER}, external_id = 'another', status = 'active', ended_at = null",
        },
        row="id = {done}",
        first="update public.interactions set external_id = 'one' where id = {done}",
    ),
    "public.realtime_metrics": Table(
        {
            "realtime_metrics_pkey": "timestamp = 'infinity'",
            "realtime_metrics_once": "id = 1e15",
            "realtime_metrics_feed_text_check": f"feed_text = {LONG(501)}",
            "realtime_metrics_satisfaction_score_check": "satisfaction_score = -1",
            "realtime_metrics_sentiment_check": "sentiment = 'angry'",
            "realtime_metrics_interaction": f"id = 1e15, interaction_id = {NOBODY}",
        },
    ),
    "public.saved_views": Table(
        {
            "saved_views_pkey": "name = 'another'",
            "saved_views_once": f"id = {ANOTHER}",
            "saved_views_filters_check": "filters = '[]'",
            "saved_views_name_check": "name = ''",
            "saved_views_page_check": "page = 'A b'",
            "saved_views_user_id_fkey": f"id = {ANOTHER}, user_id = {NOBODY}",
        },
    ),
    "public.tool_grants": Table(
        {
            "tool_grants_pkey": "tool_name = 'another'",
            "tool_grants_each_limit": "scope = 'limit', limit_argument = 'amount', sum_limit = 1, each_limit = -1",
            "tool_grants_ended": "ended_at = now()",
            "tool_grants_ended_how": "ended_at = now(), ended_how = 'forgotten'",
            "tool_grants_limit": "limit_argument = 'amount'",
            "tool_grants_max_uses": "max_uses = 0, uses = 0, ended_at = now(), ended_how = 'expired'",
            "tool_grants_scope": "scope = 'all'",
            "tool_grants_sum_limit": "scope = 'limit', limit_argument = 'amount', sum_limit = 1e16, each_limit = 1",
            "tool_grants_tool_name_check": "tool_name = ''",
            "tool_grants_used_sum": "used_sum = 1",
            "tool_grants_uses": "uses = -1",
            "tool_grants_ended_by": f"id = {ANOTHER}, ended_at = now(), ended_how = 'revoked', ended_by = {NOBODY}, ended_by_name = 'x'",
            "tool_grants_granted_by_fkey": f"id = {ANOTHER}, tool_name = 'another', granted_by = {NOBODY}",
            "tool_grants_interaction": f"id = {ANOTHER}, interaction_id = {NOBODY}",
            "tool_grants_permission": f"id = {ANOTHER}, tool_name = 'another', permission_id = {NOBODY}",
            "tool_grants_live": f"id = {ANOTHER}",
        },
        row="id = {grant}",
    ),
    "public.tool_permissions": Table(
        {
            "tool_permissions_pkey": "tool_name = 'another'",
            "tool_permissions_execution_id_key": f"""id = {ANOTHER}, status = 'allowed', responded_at = now(), responded_by = supervisor_id,
                responded_by_name = 'x', execute_before = now(), execution_id = {{execution}}, executed_at = now()""",
            "tool_permissions_answered": "responded_at = now()",
            "tool_permissions_arguments_check": "arguments = '[]'",
            "tool_permissions_changed": "changed_arguments = '{{}}'",
            "tool_permissions_proposed": "proposed_arguments = '{{}}'",
            "tool_permissions_decided": "status = 'denied', responded_at = now()",
            "tool_permissions_executed": f"execution_id = {ANOTHER}, executed_at = now()",
            "tool_permissions_grant_use": "grant_use = 1",
            "tool_permissions_held": "held_until = now()",
            "tool_permissions_held_decision": "held_decision = 'denied', held_by = supervisor_id, held_by_name = 'x', held_until = now()",
            "tool_permissions_held_reason": f"""held_decision = 'allowed', held_by = supervisor_id, held_by_name = 'x', held_until = now(),
                held_reason = {LONG(1001)}""",
            "tool_permissions_reason_check": f"reason = {LONG(1001)}",
            "tool_permissions_reported": "execution_reported_at = now()",
            "tool_permissions_rule": "rule = 'not_required'",
            "tool_permissions_rule_check": "status = 'allowed', responded_at = now(), execute_before = now(), rule = 'habit'",
            "tool_permissions_status_check": "status = 'perhaps', responded_at = now()",
            "tool_permissions_tool_description_check": f"tool_description = {LONG(4001)}",
            "tool_permissions_tool_name_check": "tool_name = ''",
            "tool_permissions_window": "execute_before = now()",
            "tool_permissions_agent_id_fkey": f"id = {ANOTHER}, agent_id = {NOBODY}",
            "tool_permissions_grant": f"""id = {ANOTHER}, status = 'allowed', responded_at = now(), execute_before = now(), rule = 'grant',
                grant_id = {NOBODY}, grant_use = 1""",
            "tool_permissions_held_by": f"""id = {ANOTHER}, held_decision = 'allowed', held_by = {NOBODY}, held_by_name = 'x',
                held_until = now()""",
            "tool_permissions_interaction": f"id = {ANOTHER}, interaction_id = {NOBODY}",
            "tool_permissions_responded_by_fkey": f"""id = {ANOTHER}, status = 'denied', responded_at = now(), responded_by = {NOBODY},
                responded_by_name = 'x'""",
            "tool_permissions_use_of_grant": f"""id = {ANOTHER}, status = 'allowed', responded_at = now(), execute_before = now(), rule = 'grant',
                grant_id = {{grant}}, grant_use = 1""",
        },
        row="id = {pending}",
        first="""update public.tool_permissions set status = 'allowed', responded_at = now(), execute_before = now(), rule = 'grant',
            grant_id = {grant}, grant_use = 1, held_decision = null, held_by = null, held_by_name = null, held_until = null where id = {held}""",
    ),
    "public.users": Table(
        {
            "users_pkey": "email = 'another@example.com', username = 'another'",
            "users_id_type": "email = 'another@example.com', username = 'another'",
            "users_name_check": "name = ''",
            "users_role_check": "role = 'owner'",
            "users_supervisor_fields": "username = null",
            "users_supervisor_type_check": "supervisor_type = 'fax'",
            "users_username_check": "username = 'A B'",
            "users_id_fkey": f"id = {NOBODY}, email = 'another@example.com', username = 'another'",
            "users_email": f"id = {ANOTHER}, email = upper(email), username = 'another'",
            "users_username": f"id = {ANOTHER}, email = 'another@example.com'",
        },
        row="id = {owner}",
    ),
}
