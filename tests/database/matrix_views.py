"""The views of the matrix, which are only read."""

from tests.database.fates import SERVICE_READS, Table, view

VIEWS_READ: dict[str, Table] = {
    "public.supervisor_performance": view(
        "supervisor_id = '{owner}'",
        "supervisor_id supervisor_name supervisor_type total_agents total_interactions"
        " active_interactions avg_csat avg_resolution_time fcr_percentage",
        SERVICE_READS,
    ),
    "public.agent_performance": view(
        "supervisor_id = '{owner}'",
        "agent_id agent_name supervisor_id status total_interactions avg_csat avg_handle_time fcr_percentage",
        SERVICE_READS,
    ),
    "private.agent_sums": view(
        "agent_id = '{agent}'",
        "agent_id completed handle_seconds rated csat resolutions resolution_seconds fcr_known fcr_true",
        SERVICE_READS,
    ),
    "private.tool_permission_cards": view(
        "id = '{pending}'",
        "id tool_name tool_description owner_description arguments arguments_digest known_tool status requested_at"
        " expires_at held_by held_by_name held_until times_held undo_seconds interaction_id agent_id agent_name"
        " interaction_type phone_number sentiment satisfaction_score feed caller is_test"
        " last_arguments last_allowed_at grants accepts_changes usual_amount changed_arguments",
    ),
    "private.decision_cards": view(
        "id = '{allowed}'",
        "id tool_name arguments status reason responded_by_name responded_at executed_at agent_name rule changed proposed changed_arguments"
        " execute_before",
    ),
    "private.decision_rows": view(
        "id = '{allowed}'",
        "id requested_at responded_at expires_at tool_name arguments arguments_digest status rule reason responded_by_name grant_id"
        " grant_use executed executed_at interaction_id agent_id agent_name supervisor_id username phone_number caller is_test anonymised_at"
        " changed_arguments proposed_arguments execute_before held_at",
    ),
    "private.agent_cards": view(
        "id = '{agent}'",
        "id supervisor_id slot row_version name agent_type status paused_at interaction last",
    ),
    "private.interaction_cards": view(
        "id = '{live}'",
        "id agent_id version started_at phone_number last_seen_at sentiment satisfaction_score scores feed grants caller is_test"
        " silent_since silent_until critical_until low_until critical_since",
    ),
    "private.interaction_rows": view(
        "id = '{live}'",
        "id agent_name username interaction_type started_at phone_number last_seen_at sentiment"
        " satisfaction_score feed grants caller is_test silent_since scores",
    ),
    "private.interaction_heads": view(
        "id = '{live}'",
        "id status interaction_type phone_number started_at ended_at duration_seconds livekit_room_id"
        " agent_name username last_seen_at sentiment satisfaction_score grants caller called_number end_reason is_test agent_id agent_version"
        " anonymised_at external_id",
    ),
    "sdr.agents": view(
        "agent_id = '{agent}'",
        "agent_id name system_prompt first_message voice_provider voice_id model_provider model_name interrupt_enabled"
        " silence_threshold_sec created_at updated_at user_id is_active",
        SERVICE_READS,
    ),
    "sdr.agent_tools": view(
        "agent_id = '{agent}'",
        "tool_id agent_id name description required_params optional_params webhook_url created_at",
        SERVICE_READS,
    ),
    "sdr.conversations": view(
        "conversation_id in ({interactions})",
        "conversation_id agent_id status transcript phone_number started_at ended_at created_at",
        SERVICE_READS,
    ),
    "eleven.agents": view(
        "id = '{agent}'",
        "id elevenlabs_agent_id name description system_prompt first_message voice_id voice_name language is_template"
        " template_parent_id created_by_user_id created_at updated_at",
        SERVICE_READS,
    ),
    "eleven.agent_config": view(
        "agent_id = '{agent}'", "id agent_id config_key config_value updated_at", SERVICE_READS
    ),
    "escalation.agents": view(
        "id = '{agent}'",
        "id name type status capabilities performance_metrics config created_at updated_at",
        SERVICE_READS,
    ),
}
