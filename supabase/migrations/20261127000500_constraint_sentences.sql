-- What each constraint demands stands beside it: the server reads these sentences and answers with them.

comment on constraint idempotency_keys_pkey on private.idempotency_keys is
  'an agent uses an Idempotency-Key once';
comment on constraint idempotency_keys_key_check on private.idempotency_keys is
  'an Idempotency-Key has 1 to 255 characters';
comment on constraint idempotency_keys_agent_id_fkey on private.idempotency_keys is
  'an Idempotency-Key belongs to an agent that exists';

comment on constraint performance_changes_pkey on private.performance_changes is
  'this id is taken';

comment on constraint performance_sums_pkey on private.performance_sums is
  'there is one sum per span, start and key';
comment on constraint performance_sums_span_check on private.performance_sums is
  'span is ever, month, day or quarter';

comment on constraint profile_faults_pkey on private.profile_faults is
  'this id is taken';

comment on constraint settings_pkey on private.settings is
  'a setting has one value';
comment on constraint settings_value_check on private.settings is
  'a setting is more than 0';

comment on constraint web_sessions_pkey on private.web_sessions is
  'this id is taken';
comment on constraint web_sessions_token_hash_key on private.web_sessions is
  'a session has a token of its own';
comment on constraint web_sessions_address_check on private.web_sessions is
  'address has at most 64 characters';
comment on constraint web_sessions_token_hash_check on private.web_sessions is
  'token_hash is a SHA-256 of 32 bytes';
comment on constraint web_sessions_user_agent_check on private.web_sessions is
  'user_agent has at most 400 characters';
comment on constraint web_sessions_user_id_fkey on private.web_sessions is
  'a session belongs to a person who exists';

comment on constraint agent_keys_pkey on public.agent_keys is
  'this id is taken';
comment on constraint agent_keys_key_hash_key on public.agent_keys is
  'a key belongs to one agent';
comment on constraint agent_keys_hint_check on public.agent_keys is
  'hint has at most 12 characters';
comment on constraint agent_keys_key_hash_check on public.agent_keys is
  'key_hash is a SHA-256 of 32 bytes';
comment on constraint agent_keys_agent_id_fkey on public.agent_keys is
  'a key belongs to an agent that exists';

comment on constraint agent_tools_pkey on public.agent_tools is
  'this id is taken';
comment on constraint agent_tools_name on public.agent_tools is
  'the agent has a tool of this name already';
comment on constraint agent_tools_description_check on public.agent_tools is
  'description has at most 4000 characters';
comment on constraint agent_tools_input_schema_check on public.agent_tools is
  'input_schema is an object';
comment on constraint agent_tools_tool_config_check on public.agent_tools is
  'tool_config is an object';
comment on constraint agent_tools_tool_name_check on public.agent_tools is
  'tool_name has 1 to 255 characters';
comment on constraint agent_tools_undo_seconds on public.agent_tools is
  'undo_seconds is 0 to 300';
comment on constraint agent_tools_agent_id_fkey on public.agent_tools is
  'a tool belongs to an agent that exists';

comment on constraint agent_versions_pkey on public.agent_versions is
  'this id is taken';
comment on constraint agent_versions_once on public.agent_versions is
  'the agent has this version already';
comment on constraint agent_versions_version_check on public.agent_versions is
  'version is 1 or more';
comment on constraint agent_versions_agent_id_fkey on public.agent_versions is
  'a version belongs to an agent that exists';
comment on constraint agent_versions_created_by_fkey on public.agent_versions is
  'a version was made by a person who exists';

comment on constraint agents_pkey on public.agents is
  'this id is taken';
comment on constraint agents_owner_and_type on public.agents is
  'this id is taken';
comment on constraint agents_agent_type_check on public.agents is
  'agent_type is voice or chat';
comment on constraint agents_mcp_tools_shape on public.agents is
  'mcp_tools is an object whose tools is a list';
comment on constraint agents_name_check on public.agents is
  'name has 1 to 255 characters';
comment on constraint agents_slot_check on public.agents is
  'slot is 1 to 3';
comment on constraint agents_status_check on public.agents is
  'status is idle, in_call, in_chat or paused';
comment on constraint agents_system_prompt_check on public.agents is
  'system_prompt has at most 100000 characters';
comment on constraint agents_supervisor on public.agents is
  'an agent has a supervisor of its own type, who exists';
comment on index public.agents_slot is
  'the supervisor has an agent in this slot already';

comment on constraint audit_logs_pkey on public.audit_logs is
  'this id is taken';

comment on constraint interaction_archives_pkey on public.interaction_archives is
  'this id is taken';
comment on constraint interaction_archives_interaction_id_key on public.interaction_archives is
  'the interaction has an archive already';
comment on constraint interaction_archives_csat_score_check on public.interaction_archives is
  'csat_score is 0 to 100';
comment on constraint interaction_archives_issues on public.interaction_archives is
  'issues is a list of {issue, status: resolved|unresolved, priority: low|medium|high}';
comment on constraint interaction_archives_resolution_time_seconds_check on public.interaction_archives is
  'resolution_time_seconds is 0 or more';
comment on constraint interaction_archives_summary_check on public.interaction_archives is
  'summary has 1 to 10000 characters';
comment on constraint interaction_archives_tags on public.interaction_archives is
  'tags is {topics: [], sentiment, issues: [{tag, status: resolved|unresolved}]}';
comment on constraint interaction_archives_interaction on public.interaction_archives is
  'an archive belongs to an interaction of the same supervisor, which exists';

comment on constraint interaction_pulse_pkey on public.interaction_pulse is
  'an interaction has one pulse';
comment on constraint interaction_pulse_satisfaction_score_check on public.interaction_pulse is
  'satisfaction_score is 0 to 100';
comment on constraint interaction_pulse_sentiment_check on public.interaction_pulse is
  'sentiment is good, neutral or critical';
comment on constraint interaction_pulse_agent_id_fkey on public.interaction_pulse is
  'a pulse belongs to an agent that exists';
comment on constraint interaction_pulse_interaction on public.interaction_pulse is
  'a pulse belongs to an interaction of the same supervisor, which exists';

comment on constraint interaction_turns_pkey on public.interaction_turns is
  'this id is taken';
comment on constraint interaction_turns_once on public.interaction_turns is
  'the interaction has a turn of this moment already';
comment on constraint interaction_turns_speaker_check on public.interaction_turns is
  'speaker is customer, agent or tool';
comment on constraint interaction_turns_text_check on public.interaction_turns is
  'text has at most 4000 characters';
comment on constraint interaction_turns_interaction on public.interaction_turns is
  'a turn belongs to an interaction of the same supervisor, which exists';

comment on constraint interactions_pkey on public.interactions is
  'this id is taken';
comment on constraint interactions_external on public.interactions is
  'an interaction with this external_id exists';
comment on constraint interactions_owner on public.interactions is
  'this id is taken';
comment on constraint interactions_ended on public.interactions is
  'an interaction has an end when it is not active, and only then';
comment on constraint interactions_external_id_check on public.interactions is
  'external_id has 1 to 255 characters';
comment on constraint interactions_forward on public.interactions is
  'an interaction ends after it started';
comment on constraint interactions_interaction_type_check on public.interactions is
  'interaction_type is voice or chat';
comment on constraint interactions_livekit_room_id_check on public.interactions is
  'livekit_room_id has at most 255 characters';
comment on constraint interactions_phone_number_check on public.interactions is
  'phone_number is not an international (E.164) number';
comment on constraint interactions_status_check on public.interactions is
  'status is active, completed or failed';
comment on constraint interactions_agent on public.interactions is
  'an interaction has an agent of its own type and supervisor, which exists';
comment on index public.interactions_one_active is
  'the agent already has an active interaction';

comment on constraint realtime_metrics_pkey on public.realtime_metrics is
  'this id is taken';
comment on constraint realtime_metrics_once on public.realtime_metrics is
  'the interaction has a metric of this moment already';
comment on constraint realtime_metrics_feed_text_check on public.realtime_metrics is
  'feed_text has at most 500 characters';
comment on constraint realtime_metrics_satisfaction_score_check on public.realtime_metrics is
  'satisfaction_score is 0 to 100';
comment on constraint realtime_metrics_sentiment_check on public.realtime_metrics is
  'sentiment is good, neutral or critical';
comment on constraint realtime_metrics_interaction on public.realtime_metrics is
  'a metric belongs to an interaction of the same supervisor, which exists';

comment on constraint saved_views_pkey on public.saved_views is
  'this id is taken';
comment on constraint saved_views_once on public.saved_views is
  'there is a view of this name on this page already';
comment on constraint saved_views_filters_check on public.saved_views is
  'filters is an object of at most 4000 bytes';
comment on constraint saved_views_name_check on public.saved_views is
  'name has 1 to 100 characters';
comment on constraint saved_views_page_check on public.saved_views is
  'page is 1 to 50 small letters and hyphens';
comment on constraint saved_views_user_id_fkey on public.saved_views is
  'a view belongs to a person who exists';

comment on constraint tool_grants_pkey on public.tool_grants is
  'this id is taken';
comment on constraint tool_grants_each_limit on public.tool_grants is
  'each_limit is 0 to 1000000000000000';
comment on constraint tool_grants_ended on public.tool_grants is
  'a grant that ended says how, and one without uses left has ended';
comment on constraint tool_grants_ended_how on public.tool_grants is
  'ended_how is used_up, expired, revoked, replaced, lapsed or updated';
comment on constraint tool_grants_limit on public.tool_grants is
  'a grant of scope limit has limit_argument, each_limit and sum_limit, and only such a grant';
comment on constraint tool_grants_max_uses on public.tool_grants is
  'max_uses is 1 or more';
comment on constraint tool_grants_scope on public.tool_grants is
  'scope is exact, limit or any';
comment on constraint tool_grants_sum_limit on public.tool_grants is
  'sum_limit is 0 to 1000000000000000';
comment on constraint tool_grants_tool_name_check on public.tool_grants is
  'tool_name has 1 to 255 characters';
comment on constraint tool_grants_used_sum on public.tool_grants is
  'used_sum is 0 to sum_limit';
comment on constraint tool_grants_uses on public.tool_grants is
  'uses is 0 to max_uses';
comment on constraint tool_grants_ended_by on public.tool_grants is
  'a grant was ended by a person who exists';
comment on constraint tool_grants_granted_by_fkey on public.tool_grants is
  'a grant was given by a person who exists';
comment on constraint tool_grants_interaction on public.tool_grants is
  'a grant belongs to an interaction of the same supervisor, which exists';
comment on constraint tool_grants_permission on public.tool_grants is
  'a grant was given with a tool permission that exists';
comment on index public.tool_grants_live is
  'the interaction has a grant of this tool already';

comment on constraint tool_permissions_pkey on public.tool_permissions is
  'this id is taken';
comment on constraint tool_permissions_execution_id_key on public.tool_permissions is
  'an execution belongs to one tool permission';
comment on constraint tool_permissions_answered on public.tool_permissions is
  'a tool permission has the time of its answer when it is not pending, and only then';
comment on constraint tool_permissions_arguments_check on public.tool_permissions is
  'arguments is an object';
comment on constraint tool_permissions_decided on public.tool_permissions is
  'a decision that is no rule''s has a person with a name, and only such a decision';
comment on constraint tool_permissions_executed on public.tool_permissions is
  'only an allowed tool permission is executed, at a time and with an id';
comment on constraint tool_permissions_grant_use on public.tool_permissions is
  'a use has a grant and its number, and the rule grant';
comment on constraint tool_permissions_held on public.tool_permissions is
  'a held decision is of a pending tool permission and says by whom and until when';
comment on constraint tool_permissions_held_decision on public.tool_permissions is
  'held_decision is allowed';
comment on constraint tool_permissions_held_reason on public.tool_permissions is
  'held_reason has at most 1000 characters';
comment on constraint tool_permissions_reason_check on public.tool_permissions is
  'reason has at most 1000 characters';
comment on constraint tool_permissions_reported on public.tool_permissions is
  'a result has a time and belongs to an execution';
comment on constraint tool_permissions_rule on public.tool_permissions is
  'a rule allows, and does nothing else';
comment on constraint tool_permissions_rule_check on public.tool_permissions is
  'rule is not_required or grant';
comment on constraint tool_permissions_status_check on public.tool_permissions is
  'status is pending, allowed, denied, timeout or cancelled';
comment on constraint tool_permissions_tool_description_check on public.tool_permissions is
  'tool_description has at most 4000 characters';
comment on constraint tool_permissions_tool_name_check on public.tool_permissions is
  'tool_name has 1 to 255 characters';
comment on constraint tool_permissions_window on public.tool_permissions is
  'a tool permission has execute_before when it is allowed, and only then';
comment on constraint tool_permissions_agent_id_fkey on public.tool_permissions is
  'a tool permission belongs to an agent that exists';
comment on constraint tool_permissions_grant on public.tool_permissions is
  'a use belongs to a grant that exists';
comment on constraint tool_permissions_held_by on public.tool_permissions is
  'a decision is held by a person who exists';
comment on constraint tool_permissions_interaction on public.tool_permissions is
  'a tool permission belongs to an interaction of the same supervisor, which exists';
comment on constraint tool_permissions_responded_by_fkey on public.tool_permissions is
  'a decision was made by a person who exists';
comment on index public.tool_permissions_use_of_grant is
  'each use of a grant has a number of its own';

comment on constraint users_pkey on public.users is
  'this id is taken';
comment on constraint users_id_type on public.users is
  'this id is taken';
comment on constraint users_name_check on public.users is
  'name has 1 to 255 characters';
comment on constraint users_role_check on public.users is
  'role is admin or supervisor';
comment on constraint users_supervisor_fields on public.users is
  'a supervisor has a username and a supervisor_type, an admin has neither';
comment on constraint users_supervisor_type_check on public.users is
  'supervisor_type is voice or chat';
comment on constraint users_username_check on public.users is
  'username has 2 to 100 of a-z, 0-9, ., _ and -, and begins with a letter or digit';
comment on constraint users_id_fkey on public.users is
  'a person has an account';
comment on index public.users_email is
  'another person has this e-mail address';
comment on index public.users_username is
  'another person has this username';
