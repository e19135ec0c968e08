"""The matrix of what happens when an actor reads or changes a table. test_matrix.py tries every cell.

A table has column groups, and every column is in exactly one. Its grid lists the actors for whom it differs
from EVERYBODY; a heading such as `update.contact` is about that group, a plain `update` about all others.
A new table or column without a place here fails, and a view without one in matrix_views.py.
"""

from dataclasses import dataclass

from tests.database.fates import ACTORS, SERVICE_READS, Table, closed, grid
from tests.database.matrix_review import REVIEW
from tests.database.matrix_rules import RULES
from tests.database.matrix_signals import SIGNALS
from tests.database.matrix_views import VIEWS_READ

TABLES: dict[str, Table] = {
    "public.users": Table(
        rows="id = '{owner}'",
        groups={
            "all": "id email role name username supervisor_type deactivated_at banned_until created_at updated_at"
        },
        new={"id": "gen_random_uuid()", "email": "'x@example.com'", "role": "'admin'", "name": "'X'"},
        fates=SERVICE_READS,
    ),
    "public.agents": Table(
        rows="id = '{agent}'",
        groups={
            "prompt": "system_prompt",
            "made": "name description first_message voice_provider voice_id voice_name model_provider model_name language"
            " interrupt_enabled silence_threshold_seconds mcp_tools",
            "first": "supervisor_id agent_type is_template",
            "kept": "id slot status paused_at retired_at created_at updated_at template_parent_id created_by"
            " setup_began_at setup_ended_at",
        },
        new={"supervisor_id": "'{owner}'", "agent_type": "'voice'", "name": "'New'", "system_prompt": "''"},
        change={"made": "name = 'Renamed'", "prompt": "system_prompt = 'Be brief.'"},
        fates=grid("""
                            select    insert    insert.kept  update    update.prompt  update.made  delete
        nobody              nothing   walled    refused      refused   nothing        nothing      refused
        owner               sees      walled    refused      refused   changes        FW403        refused
        other               nothing   walled    refused      refused   nothing        nothing      refused
        admin               sees      adds      refused      refused   changes        changes      refused
        deactivated         nothing   walled    refused      refused   nothing        nothing      refused
        deactivated_admin   nothing   walled    refused      refused   nothing        nothing      refused
        its_key             sees      refused   refused      refused   refused        refused      refused
        other_key           nothing   refused   refused      refused   refused        refused      refused
        revoked_key         nothing   refused   refused      refused   refused        refused      refused
        service             sees      adds      adds         changes   changes        changes      kept
        """),
    ),
    "public.agent_tools": Table(
        rows="agent_id = '{agent}'",
        groups={
            "told": "tool_name description input_schema tool_config requires_permission undo_seconds mode idempotent"
            " secret_set_at limit_argument asks_above refuses_above uses_per_interaction",
            "whose": "agent_id",
            "secret": "sealed_secret",
            "kept": "id created_at",
        },
        new={
            "agent_id": "'{agent}'",
            "tool_name": "'new_tool'",
            "requires_permission": "true",
            "mode": "'asks'",
            "sealed_secret": "'x'",
            "secret_set_at": "now()",
        },
        change={
            "told": "requires_permission = not requires_permission",
            "secret": "sealed_secret = 'x', secret_set_at = now()",
        },
        fates=grid("""
                            select    select.secret  insert    insert.kept  update    update.told  update.secret  delete
        nobody              nothing   refused        walled    refused      refused   nothing      nothing        nothing
        owner               sees      refused        walled    refused      refused   nothing      nothing        nothing
        other               nothing   refused        walled    refused      refused   nothing      nothing        nothing
        admin               sees      refused        adds      refused      refused   changes      changes        deletes
        deactivated         nothing   refused        walled    refused      refused   nothing      nothing        nothing
        deactivated_admin   nothing   refused        walled    refused      refused   nothing      nothing        nothing
        its_key             sees      refused        refused   refused      refused   refused      refused        refused
        other_key           nothing   refused        refused   refused      refused   refused      refused        refused
        revoked_key         nothing   refused        refused   refused      refused   refused      refused        refused
        service             sees      refused        adds      adds         changes   changes      changes        deletes
        """),
    ),
    "public.agent_keys": Table(
        rows="agent_id = '{agent}'",
        groups={
            "hash": "key_hash",
            "made": "id agent_id hint name",
            "revoked": "revoked_at",
            "kept": "created_at created_by last_used_at",
        },
        new={"agent_id": "'{agent}'", "key_hash": "sha256('new')", "hint": "'new'"},
        change={"revoked": "revoked_at = coalesce(revoked_at, now())"},
        fates=grid("""
                            select    select.hash   insert    insert.kept  insert.revoked  update    update.revoked  delete
        nobody              nothing   refused       walled    refused      refused         refused   nothing         refused
        owner               sees      refused       walled    refused      refused         refused   nothing         refused
        other               nothing   refused       walled    refused      refused         refused   nothing         refused
        admin               sees      refused       adds      refused      refused         refused   changes         refused
        deactivated         nothing   refused       walled    refused      refused         refused   nothing         refused
        deactivated_admin   nothing   refused       walled    refused      refused         refused   nothing         refused
        service             sees      sees          adds      adds         adds            changes   changes         refused
        """),
    ),
    "public.interactions": Table(
        rows="id in ({interactions})",
        groups={
            "start": "agent_id interaction_type external_id",
            "contact": "phone_number caller called_number livekit_room_id",
            "status": "status end_reason",
            "kept": "id supervisor_id started_at ended_at duration_seconds created_at anonymised_at series reaped_at agent_version is_test",
        },
        new={"agent_id": "'{agent}'", "interaction_type": "'voice'"},
        first="update public.interactions set status = 'completed' where id = '{live}'",
        change={
            "contact": "phone_number = case status when 'active' then '+18505550199' else phone_number end",
            "status": "status = 'completed'",
        },
        fates=grid("""
                     select    insert    insert.status  insert.kept  update    update.contact  update.status  delete
        its_key      sees      adds      refused        refused      refused   changes         changes        refused
        other_key    nothing   FW404     refused        refused      refused   nothing         nothing        refused
        revoked_key  nothing   FW404     refused        refused      refused   nothing         nothing        refused
        service      sees      adds      adds           adds         changes   changes         changes        deletes
        """),
    ),
    "public.interaction_pulse": Table(
        rows="interaction_id in ({interactions})",
        groups={
            "all": "interaction_id agent_id supervisor_id last_seen_at captured_at sentiment satisfaction_score scores feed started_at phone_number caller",
            "grants": "grants lag_seconds lag_at is_test ends_at silent_since silent_until critical_until low_until critical_since",
        },
        new={"interaction_id": "'{live}'", "agent_id": "'{agent}'", "supervisor_id": "'{owner}'"},
        fates=grid("""
                     select    select.grants
        its_key      sees      refused
        other_key    nothing   refused
        revoked_key  nothing   refused
        service      sees      sees
        """),
    ),
    "public.realtime_metrics": Table(
        rows="interaction_id in ({interactions})",
        groups={
            "measured": "interaction_id timestamp sentiment satisfaction_score feed_text created_at",
            "kept": "id supervisor_id effective_at",
        },
        new={"interaction_id": "'{live}'", "sentiment": "'good'"},
        fates=grid("""
                     select    insert    insert.kept
        service      sees      adds      refused
        """),
    ),
    "public.interaction_turns": Table(
        rows="interaction_id in ({interactions})",
        groups={
            "once": "interaction_id captured_at speaker",
            "said": "text",
            "digest": "digest",
            "kept": "id supervisor_id created_at external_id final interrupted late",
        },
        new={"interaction_id": "'{live}'", "speaker": "'agent'", "text": "'Hello.'"},
        fates=grid("""
                     select    select.once  select.digest  insert    insert.digest  insert.kept
        its_key      refused   sees         sees           adds      refused        refused
        other_key    refused   nothing      nothing        FW404     refused        refused
        revoked_key  refused   nothing      nothing        FW404     refused        refused
        service      sees      sees         sees           adds      adds           adds
        """),
    ),
    "public.tool_permissions": Table(
        rows="interaction_id in ({interactions})",
        groups={
            "request": "interaction_id tool_name tool_description arguments",
            "status": "status responded_at",
            "decision": "supervisor_response rule responded_by responded_by_name reason execute_before",
            "held": "held_decision held_by held_by_name held_reason held_until times_held held_at",
            "grant": "grant_id grant_use compared_with changed_arguments changed_arguments_digest proposed_arguments usual_amount",
            "execution": "execution_id executed_at execution_succeeded execution_result execution_reported_at",
            "digest": "arguments_digest accepts_changes",
            "kept": "id agent_id supervisor_id known_tool requested_at expires_at created_at",
        },
        new={"interaction_id": "'{live}'", "tool_name": "'issue_refund'"},
        change={"status": "status = case status when 'pending' then 'cancelled' else status end"},
        fates=grid("""
                     select    insert    insert.request  insert.digest  update    update.status
        its_key      sees      refused   adds            adds           refused   refused
        other_key    nothing   refused   FW404           FW404          refused   refused
        revoked_key  nothing   refused   FW404           FW404          refused   refused
        service      sees      refused   adds            refused        refused   changes
        """),
    ),
    "public.tool_grants": Table(
        rows="interaction_id in ({interactions})",
        groups={
            "all": "id interaction_id supervisor_id tool_name granted_by granted_by_name created_at permission_id scope limit_argument"
            " each_limit sum_limit freed max_uses uses used_sum expires_at ended_at ended_how ended_by ended_by_name",
        },
        new={
            "interaction_id": "'{live}'",
            "supervisor_id": "'{owner}'",
            "tool_name": "'new_tool'",
            "granted_by": "'{owner}'",
            "granted_by_name": "'x'",
            "scope": "'any'",
            "max_uses": "1",
            "expires_at": "now() + interval '1 hour'",
        },
        fates=SERVICE_READS,
    ),
    "public.interaction_archives": Table(
        rows="interaction_id in ({interactions})",
        groups={
            "whose": "interaction_id",
            "told": "summary issues tags csat_score resolution_time_seconds",
            "kept": "id supervisor_id fcr_status series created_at",
        },
        new={"interaction_id": "'{unarchived}'", "summary": "'All went well.'"},
        change={"told": "summary = 'It went otherwise.'"},
        fates=grid("""
                     select    insert    insert.kept  update    update.told
        its_key      sees      adds      refused      refused   changes
        other_key    nothing   FW404     refused      refused   nothing
        revoked_key  nothing   FW404     refused      refused   nothing
        service      sees      adds      refused      refused   changes
        """),
    ),
    "public.agent_config": Table(
        rows="agent_id = '{agent}'",
        groups={"key": "agent_id config_key", "value": "config_value", "kept": "id updated_at"},
        new={"agent_id": "'{agent}'", "config_key": "'colour'", "config_value": "'1'"},
        change={"value": "config_value = '700'"},
        fates=grid("""
                            select    insert    insert.kept  update    update.value  delete
        nobody              nothing   walled    refused      refused   nothing       nothing
        owner               sees      walled    refused      refused   nothing       nothing
        other               nothing   walled    refused      refused   nothing       nothing
        admin               sees      adds      refused      refused   changes       deletes
        deactivated         nothing   walled    refused      refused   nothing       nothing
        deactivated_admin   nothing   walled    refused      refused   nothing       nothing
        its_key             sees      refused   refused      refused   refused       refused
        other_key           nothing   refused   refused      refused   refused       refused
        revoked_key         nothing   refused   refused      refused   refused       refused
        service             sees      adds      adds         changes   changes       deletes
        """),
    ),
    "public.setup_steps": Table(
        rows="agent_id = '{agent}'",
        groups={"all": "id agent_id step at status detail"},
        new={"agent_id": "'{agent}'", "step": "'first_metric'"},
        fates=SERVICE_READS | {"owner": {"select": "nothing"}},
    ),
    "public.permission_sights": Table(
        rows="tool_permission_id in (select id from public.tool_permissions where interaction_id in ({interactions}))",
        groups={"all": "tool_permission_id viewer_id first_seen_at opened_arguments"},
        new={"tool_permission_id": "'{pending}'", "viewer_id": "'{owner}'", "first_seen_at": "now()"},
        fates=SERVICE_READS,
    ),
    "public.webhook_deliveries": Table(
        rows="agent_id = '{agent}'",
        groups={
            "all": "id event_id agent_id interaction_id event url host created_at attempts next_at delivered_at http_status answer"
        },
        new={
            "agent_id": "'{agent}'",
            "interaction_id": "'{live}'",
            "event": "'interaction.ended'",
            "url": "'x'",
            "host": "'x'",
        },
        fates=SERVICE_READS,
    ),
    "public.agent_versions": Table(
        rows="agent_id = '{agent}'",
        groups={
            "all": "id agent_id version name system_prompt mcp_tools created_at created_by whole note actor"
        },
        new={"agent_id": "'{agent}'", "version": "9", "name": "'x'", "system_prompt": "'x'"},
        fates=SERVICE_READS,
    ),
    "public.audit_logs": Table(
        rows="supervisor_id = '{owner}'",
        groups={"all": "id at actor_id actor action row_id supervisor_id changes"},
        new={"actor": "'x'", "action": "'x'", "row_id": "'x'", "changes": "'{{}}'"},
        fates=SERVICE_READS,
    ),
    "public.saved_views": Table(
        rows="user_id = '{owner}'",
        groups={"page": "page", "said": "name filters shared", "kept": "id user_id created_at"},
        new={"page": "'interactions'", "name": "'Bad ones'", "filters": "'{{}}'"},
        change={"said": 'filters = \'{{"type": "voice"}}\''},
        fates=grid("""
                            select    insert    insert.kept  update    update.said  delete
        nobody              nothing   walled    refused      refused   nothing      nothing
        owner               sees      adds      refused      refused   changes      deletes
        other               nothing   adds      refused      refused   nothing      nothing
        admin               nothing   adds      refused      refused   nothing      nothing
        deactivated         nothing   walled    refused      refused   nothing      nothing
        deactivated_admin   nothing   walled    refused      refused   nothing      nothing
        """),
    ),
    "private.performance_changes": Table(
        rows="agent_id = '{agent}'",
        groups={
            "all": "id agent_id supervisor_id started_at completed handle_seconds rated csat_hundredths resolutions"
            " resolution_seconds fcr_known fcr_true"
        },
        fates=SERVICE_READS,
    ),
    "private.performance_sums": Table(
        rows="key = '{agent}'",
        groups={
            "all": "span starts_at key completed handle_seconds rated csat_hundredths resolutions resolution_seconds"
            " fcr_known fcr_true"
        },
        fates=SERVICE_READS,
    ),
    "private.performance_ranges": closed("id whose since until asked_at"),
    "private.performance_range_sums": closed(
        "range_id key completed handle_seconds rated csat_hundredths fcr_known fcr_true"
    ),
    "private.settings": closed("name value words initial fixed_to chosen lowest highest"),
    "private.pages": closed("name function"),
    "private.web_sessions": closed(
        "id token_hash user_id access_token refresh_token expires_at user_agent address created_at last_seen_at"
    ),
    "private.drills": closed(
        "id supervisor_id interaction_id template why tool_name tool_description known_tool arguments arguments_digest"
        " last_arguments last_allowed_at usual_amount created_at created_by expires_at outcome ended_at"
    ),
    "private.drill_plans": closed("supervisor_id per_day"),
    "private.decision_search": closed("tool_permission_id agent_id requested_at key"),
    "private.interaction_search": closed(
        "interaction_id supervisor_id agent_id started_at duration_seconds satisfaction csat labels words cells"
    ),
    "private.interactions_to_find": closed("interaction_id started_at"),
    "private.idempotency_keys": closed("agent_id key request_digest status response created_at"),
    "private.profile_faults": closed("id user_id reason created_at"),
    **REVIEW,
    **SIGNALS,
    **RULES,
    **VIEWS_READ,
}
VIEWS = set(VIEWS_READ)


@dataclass(frozen=True, slots=True)
class Cell:
    table: str
    actor: str
    verb: str
    group: str
    fate: str

    def __str__(self) -> str:
        words = [self.table.removeprefix("public."), self.actor, self.verb]
        return "-".join(words if self.group in ("", "all") else [*words, self.group])


def cells() -> list[Cell]:
    """Each actor's every verb on every column group of every table; a view is only read, a row deleted whole."""
    return [
        Cell(name, actor, verb, group, table.fate(actor, verb, group))
        for name, table in TABLES.items()
        for actor in ACTORS
        for verb in (("select",) if name in VIEWS else ("select", "insert", "update", "delete"))
        for group in ([""] if verb == "delete" else table.groups)
    ]
