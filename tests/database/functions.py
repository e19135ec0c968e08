"""Every function of the database: which roles may call it, and what each actor gets for whose id. test_functions.py tries each.

`gives` is an answer, `nothing` none (no row, null, or a function without a result), `refused` no EXECUTE, and
everything else the SQLSTATE. Triggers have no row, because nobody may call one. A new function without a row here fails.
"""

from tests.database.callers import (
    AGENT,
    EVERY_ROLE,
    KEYS,
    NOBODY,
    PEOPLE,
    PERSON,
    SERVICE,
    WEB,
    Function,
    of,
)
from tests.database.fates import ACTORS
from tests.database.functions_leaderboard import LEADERBOARD
from tests.database.functions_rules import RULES
from tests.database.functions_signals import SIGNALS

FUNCTIONS: dict[str, Function] = {
    **RULES,
    # Decisions of people. Another's id, none and one that nobody has are told the same.
    "public.set_agent_paused": of(
        PERSON, "public.set_agent_paused({id}, true)", "owner admin", "FW404", id="'{agent}'"
    ),
    "public.decide_tool_permission": of(
        PERSON, "public.decide_tool_permission({id}, 'denied', 'no', '{digest}')", "owner admin", "FW404", id="'{pending}'"
    ),
    "private.see_permission": of(
        PERSON, "private.see_permission({id}, '{digest}', 0, false)", "owner admin", "FW404", id="'{pending}'"
    ),
    "private.decide_changed": of(
        PERSON, "private.decide_changed({id}, 'denied', 'no', '{digest}', '{{}}', repeat('a', 64))", "owner admin", "FW404", id="'{pending}'"
    ),
    "public.take_back_tool_permission": Function(
        may=PERSON, call="public.take_back_tool_permission({id})", id="'{held}'",
        its={"gives": "owner", "nothing": "admin"}, otherwise="FW404",
    ),
    "public.allow_with_grant": of(
        PERSON, "public.allow_with_grant({id}, '{digest}', 'exact', 3, 30)", "owner admin", "FW404", id="'{pending}'"
    ),
    "public.revoke_grant": of(PERSON, "public.revoke_grant({id})", "owner admin", "FW404", id="'{grant}'"),
    # Finding interactions: those of the reader.
    "private.find_interactions": of(
        PERSON,
        "(select min(f.interaction_id::text) from private.find_interactions(null, false, null, null, null, null, '{{}}', 'started', true, null, null, 50) f)",
        "owner admin",
    ),
    "private.count_interactions": of(
        PERSON, "(select nullif(c.found, 0) from private.count_interactions(null, false, null, null, null, null, '{{}}') c)", "owner admin"
    ),
    "private.searchable_supervisors": NOBODY,
    "private.indexed_condition": NOBODY,
    "private.search_keys": NOBODY,
    "private.searched_keys": NOBODY,
    "private.search_condition": NOBODY,
    "private.search_span": NOBODY,
    "private.search_label": NOBODY,
    "private.live_with_text": of(PERSON, "(select l from private.live_with_text({id}::text) l)", "owner admin", id="'{live}'"),
    "private.ending": of(PERSON, "(select e.sentiment from private.ending({id}) e)", "owner admin", id="'{live}'"),
    "private.search_digits": NOBODY,
    "private.search_query": NOBODY,
    "private.csv_cell": of(PERSON, "private.csv_cell('x')", f"{PEOPLE} nobody deactivated deactivated_admin"),
    "private.interaction_cells": NOBODY,
    "private.interaction_labels": NOBODY,
    "private.interaction_words": NOBODY,
    "private.find_again": NOBODY,
    "private.find_waiting": NOBODY,
    # The review of an interaction: by its supervisor and admins; a note is changed by its author alone.
    "private.review": of(PERSON, "private.review({id})", "owner admin", id="'{done}'"),
    "private.reviewers": of(PERSON, "private.reviewers({id})", "owner admin", id="'{done}'"),
    "public.write_interaction_note": of(
        PERSON, "public.write_interaction_note(gen_random_uuid(), {id}, null, 'x')", "owner admin", "FW404", id="'{done}'"
    ),
    "public.edit_interaction_note": Function(
        may=PERSON, call="public.edit_interaction_note({id}, 1, 'x')", id="'{note}'", its={"gives": "owner", "FW403": "admin"}, otherwise="FW404"
    ),
    "public.withdraw_interaction_note": Function(
        may=PERSON, call="public.withdraw_interaction_note({id})", id="'{note}'", its={"gives": "owner", "FW403": "admin"}, otherwise="FW404"
    ),
    "public.set_interaction_flag": of(PERSON, "public.set_interaction_flag({id}, 1, 'done', null, 'x')", "owner admin", "FW404", id="'{done}'"),
    "public.add_interaction_tag": of(PERSON, "public.add_interaction_tag({id}, 'x')", "owner admin", "FW404", id="'{done}'"),
    "public.remove_interaction_tag": of(PERSON, "public.remove_interaction_tag({id}, 'refund')", "owner admin", "FW404", id="'{done}'"),
    "public.score_interaction": of(
        PERSON, "public.score_interaction({id}, (select max(version) from public.scorecards), 1, 'no')", "owner admin", "FW404", id="'{done}'"
    ),
    "public.clear_interaction_score": of(PERSON, "public.clear_interaction_score({id})", "owner admin", "FW404", id="'{done}'"),
    "public.show_phone_number": of(PERSON, "public.show_phone_number({id})", "owner admin", "FW404", id="'{done}'"),
    "public.change_scorecard": of(
        PERSON, "public.change_scorecard((select max(version) from public.scorecards), '[{{\"name\": \"x\", \"meaning\": \"\", \"weight\": 1}}]')", "admin", "FW403"
    ),
    **dict.fromkeys(
        ("private.reviewed_interaction", "private.refuse_forgotten", "private.own_note", "private.score_to_change", "private.valid_criteria"), NOBODY
    ),
    # Searching the history of tool permissions: those of the reader.
    "private.decisions_with_text": of(
        PERSON, "(select nullif(d.ids, '{{}}') from private.decisions_with_text('refund', null, null, null, null, false, 50) d)", "owner admin"
    ),
    "private.search_key": NOBODY,
    "private.decision_key": NOBODY,
    "private.fill_decision_search": NOBODY,
    # Drills: for the supervisor alone whose floor has them, and sent by admins and the web process.
    "private.drill_cards": of(PERSON, "private.drill_cards({id})", "owner", id="'{owner}'"),
    "private.drill_card": of(PERSON, "private.drill_card({id})", "owner", id="'{drill}'"),
    "private.settle_drill": of(PERSON, "private.settle_drill({id}, 'denied', 'x')", "owner", "FW404", id="'{drill}'"),
    "private.drill_results": of(PERSON, "(select sum(r.caught) from private.drill_results(now() - interval '1 day') r)", "owner admin"),
    "private.drill_report": of(PERSON, "private.drill_report()", "admin", "FW403"),
    "private.choose_drill_ground": Function(
        may=PERSON, call="(select g.interaction_id from private.choose_drill_ground({id}) g)", id="'{owner}'",
        its={"gives": "admin"}, otherwise="FW403", unknown="FW404",
    ),
    "private.set_drills_per_day": Function(
        may=PERSON, call="private.set_drills_per_day({id}, 1)", id="'{owner}'",
        its={"gives": "admin"}, otherwise="FW403", unknown="FW404",
    ),
    "private.send_drill": Function(
        may=PERSON, call="private.send_drill({id}, '{live}', 'amount', 'x', 'refund', null, '{{}}')", id="'{owner}'",
        its={"FW409": "admin"}, otherwise="FW403", unknown="FW404",
    ),
    "private.send_due_drill": Function(
        may=WEB, call="private.send_due_drill({id}, '{live}', 'amount', 'x', 'refund', null, '{{}}')", id="'{owner}'",
        its={"nothing": "web"}, unknown="FW404",
    ),
    "private.due_drills": of(WEB, "(select d.interaction_id from private.due_drills(array[{id}]::uuid[]) d)", id="'{owner}'"),
    "private.answer_drill": of(
        WEB, "(select d.won::text from private.answer_drill(jsonb_build_object('sub', '{owner}')::text, {id}, 'denied', 'x') d)",
        "web", id="'{drill}'", unknown="FW404",
    ),
    "private.drill_stands": NOBODY,
    "private.show_drill": NOBODY,
    "private.drill_is_due": NOBODY,
    "private.drill_ground": NOBODY,
    "private.place_drill": NOBODY,
    "private.end_drills": NOBODY,
    "private.decide_now": NOBODY,
    "private.retake_pulse": NOBODY,
    "private.usual_amount": NOBODY,
    "private.takes_late": NOBODY,
    "private.covered_amount": NOBODY,
    "private.plain_amount": NOBODY,
    "private.end_grant": NOBODY,
    "private.end_expired_grants": NOBODY,
    "private.grant_words": Function(
        may=PERSON, call="(select private.grant_words(g) from public.tool_grants g where g.id = {id})", id="'{grant}'",
        its={"gives": "owner admin"},
    ),
    "public.move_agent": Function(
        may=PERSON, call="public.move_agent({id}, '{owner}')", id="'{agent}'",
        its={"gives": "admin"}, otherwise="FW403", unknown="FW404",
    ),
    # What admins do with people. Any other caller gets the same answer, whomever it concerns.
    "public.deactivate_person": Function(
        may=PERSON, call="public.deactivate_person({id})", id="'{owner}'",
        its={"gives": "admin"}, otherwise="FW403", unknown="FW404",
    ),
    "public.reactivate_person": Function(
        may=PERSON, call="public.reactivate_person({id})", id="'{owner}'",
        its={"gives": "admin"}, otherwise="FW403", unknown="FW404",
    ),
    "public.change_supervisor_type": Function(
        may=PERSON, call="public.change_supervisor_type({id}, 'voice')", id="'{owner}'",
        its={"gives": "admin"}, otherwise="FW403", unknown="FW404",
    ),
    "public.retire_agent": Function(
        may=PERSON, call="public.retire_agent({id})", id="'{agent}'",
        its={"FW409": "admin"}, otherwise="FW403", unknown="FW404",  # it has an active interaction
    ),
    "public.note_person": Function(
        may=PERSON, call="public.note_person({id}, 'users.change', '{{}}')", id="'{owner}'",
        its={"gives": "admin"}, otherwise="FW403", unknown="FW404",
    ),
    "public.clone_agent": Function(
        may=PERSON, call="public.clone_agent({id}, '{{\"is_template\": true}}')", id="'{agent}'",
        its={"gives": "admin"}, otherwise="FW403", unknown="FW404",
    ),
    "public.restore_agent_version": of(
        PERSON, "public.restore_agent_version({id}, 1)", "owner admin", "FW404", id="'{agent}'"
    ),
    "public.set_agent_setup": Function(
        may=PERSON, call="public.set_agent_setup({id}, true)", id="'{agent}'",
        its={"gives": "admin"}, otherwise="FW403", unknown="FW404",
    ),
    "private.replace_tools": NOBODY,
    "private.agent_whole": NOBODY,
    "private.limited_amount": NOBODY,
    "private.tool_refuses": NOBODY,
    "private.require_admin": NOBODY,
    "public.system_report": of(PERSON, "public.system_report()", "admin", "FW403"),
    **LEADERBOARD,
    # What pages show, through the reader's own policies.
    "private.floor_v2": of(
        PERSON, "nullif(private.floor_v2(jsonb_build_object('supervisor_id', {id}))::jsonb -> 'agents', '[]')",
        "owner admin", id="'{owner}'::uuid",
    ),
    "private.floor": of(
        PERSON, "nullif(private.floor(jsonb_build_object('supervisor_id', {id}))::jsonb -> 'agents', '[]')",
        "owner admin", id="'{owner}'::uuid",
    ),
    "private.interaction": of(
        PERSON, "private.interaction(jsonb_build_object('interaction_id', {id}))", "owner admin",
        id="'{live}'::uuid",
    ),
    "private.interaction_v2": of(
        PERSON, "private.interaction_v2(jsonb_build_object('interaction_id', {id}))", "owner admin",
        id="'{live}'::uuid",
    ),
    "private.satisfaction": of(PERSON, "private.satisfaction({id})", "owner admin", id="'{live}'"),
    "private.rulings": of(PERSON, "nullif(private.rulings({id}), '[]')", "owner admin", id="'{live}'"),
    "private.timeline": of(PERSON, "nullif(private.timeline({id}), '[]')", "owner admin", id="'{live}'"),
    "private.setup": of(
        PERSON, "private.setup(jsonb_build_object('agent_id', {id}))", "admin", id="'{agent}'::uuid"
    ),
    "private.waiting": of(PERSON, "nullif(private.waiting('{{}}') -> 'tool_permissions', '[]')", "owner admin"),
    "private.chosen_supervisors": of(
        PERSON, "nullif(private.chosen_supervisors('{{\"type\": \"voice\"}}'), '{{}}')", "owner other admin"
    ),
    "private.wallboard": of(PERSON, "nullif(private.wallboard('{{}}') -> 'interactions', '[]')", "owner admin"),
    "private.agents_by_status": of(PERSON, "nullif(private.agents_by_status(), '{{}}')", "owner other admin"),
    "private.today": of(PERSON, "private.today('UTC')", "owner other", "FW403"),
    "private.waiting_in_turn": of(
        PERSON, "(select w.ids from private.waiting_in_turn(array[{id}]::uuid[], 9) w)", "owner admin", id="'{owner}'"
    ),
    "private.answered_permissions": of(
        PERSON, "nullif(private.answered_permissions(array[{id}]::uuid[]), '[]')", "owner admin", id="'{owner}'"
    ),
    "private.answered_cards": of(
        PERSON, "nullif(private.answered_cards(array[{id}]::uuid[]), '[]')", "owner admin", id="'{allowed}'"
    ),
    "private.permission_card": of(PERSON, "private.permission_card({id})", "owner admin", id="'{pending}'"),
    # Who is asking.
    "private.viewer_role": of(PERSON, "private.viewer_role()", PEOPLE),
    "private.viewer_id": of(
        PERSON, "private.viewer_id()", f"{PEOPLE} deactivated deactivated_admin"
    ),
    "private.visible_supervisor_ids": of(PERSON, "nullif(private.visible_supervisor_ids(), '{{}}')", PEOPLE),
    "private.permission_cards": of(
        PERSON, "nullif(private.permission_cards(array[{id}]::uuid[]), '[]')", "owner admin", id="'{pending}'"
    ),
    "private.visible_supervisors": of(PERSON, "private.visible_supervisors()", PEOPLE),
    "private.current_agent": of(AGENT, "private.current_agent()", "its_key other_key"),
    "private.is_own": of(AGENT, "nullif(private.is_own({id}), false)", "its_key", id="'{live}'"),
    "private.is_anothers": NOBODY,
    "private.claim": of(
        EVERY_ROLE, "coalesce(private.claim('sub'), private.claim('key_id'))",
        f"{PEOPLE} deactivated deactivated_admin {KEYS}",
    ),
    # An agent's executions and its repeated requests.
    "public.claim_execution": of(
        AGENT, "public.claim_execution({id}, '{digest}')", "its_key", "FW404", id="'{allowed}'"
    ),
    "public.report_execution": of(
        AGENT, "public.report_execution({id}, '{execution}', true, null)", "its_key", "FW404", id="'{claimed}'"
    ),
    "private.cancel_permission": of(
        AGENT, "coalesce(private.cancel_permission({id})::text, 'cancelled')", "its_key", "FW404", id="'{pending}'"
    ),
    "private.add_turns": of(
        AGENT, """(select o from private.add_turns({id}, '[{{"speaker": "agent", "text": "Hm."}}]') o)""",
        "its_key", "FW404", id="'{live}'",
    ),
    "private.claim_idempotency_key": Function(
        may=AGENT, call=r"private.claim_idempotency_key('unheard of', '\x00')", its={"FW403": "revoked_key"}
    ),
    "private.keep_idempotent_answer": of(
        AGENT, "private.keep_idempotent_answer('unheard of', 200, '{{}}')", otherwise="FW409"
    ),
    # Those of the web process itself, which has not become anybody yet and holds the cookie or key of somebody.
    "private.agent_of_key": of(
        WEB, "private.agent_of_key({id})", "web", id=r"'\x{key_hash}'::bytea", unknown_id=r"'\x00'::bytea"
    ),
    "private.find_web_session": of(
        WEB, "private.find_web_session({id}, true)", "web", id=r"'\x{session_hash}'::bytea",
        unknown_id=r"'\x00'::bytea",
    ),
    "private.open_web_session": of(
        WEB, "private.open_web_session(sha256('x'), {id}, '', '', now(), '', '')", "web", id="'{owner}'"
    ),
    "private.renew_web_session": of(
        WEB, "private.renew_web_session({id}, '', '', now())", "web", id="'{session}'", unknown="gives"
    ),
    "private.close_web_session": of(WEB, "private.close_web_session({id})", id="'{session}'"),
    "private.live_web_sessions": of(
        WEB, "private.live_web_sessions(array[{id}]::uuid[])", "web", id="'{session}'"
    ),
    "private.web_sessions_of": of(WEB, "(select count(*) from private.web_sessions_of({id}) having count(*) > 0)", "web", id="'{owner}'"),
    "private.close_own_web_session": of(
        WEB, "(select c.id from private.close_own_web_session('{owner}', {id}) c)", "web", id="'{session}'"
    ),
    "private.close_web_sessions_of": of(
        WEB, "(select min(c::text) from private.close_web_sessions_of({id}) c)", "web", id="'{owner}'"
    ),
    "private.replace_web_sessions": of(
        WEB, "private.replace_web_sessions(sha256('x'), {id}, '', '', now(), '', '')", "web", id="'{owner}'"
    ),
    "private.page_functions": of(WEB, "private.page_functions()", "web"),
    "private.read_audiences": of(
        WEB,
        "(select nullif(r.shown::jsonb -> 'agents', '[]') from private.read_audiences(jsonb_build_array(jsonb_build_object("
        "'claims', jsonb_build_object('sub', {id})::text, 'page', 'floor',"
        " 'arguments', jsonb_build_object('supervisor_id', {id})))) r)",
        "web", id="'{owner}'::uuid",
    ),
    "private.read_audiences_v2": of(
        WEB,
        "(select nullif(r.shown::jsonb -> 'agents', '[]') from private.read_audiences_v2(jsonb_build_array(jsonb_build_object("
        "'claims', jsonb_build_object('sub', {id})::text, 'page', 'floor',"
        " 'arguments', jsonb_build_object('supervisor_id', {id})))) r)",
        "web", id="'{owner}'::uuid",
    ),
    "private.decide_v2": of(
        WEB,
        "(select d.won::text from private.decide_v2(jsonb_build_object('sub', '{owner}')::text, {id}, 'denied', null, '{digest}', false) d)",
        "web", id="'{pending}'", unknown="FW404",
    ),
    "private.decide_v3": of(
        WEB,
        "(select d.won::text from private.decide_v3(jsonb_build_object('sub', '{owner}')::text, {id}, 'denied', null, '{digest}', '{{}}', repeat('a', 64)) d)",
        "web", id="'{pending}'", unknown="FW404",
    ),
    "private.decide": of(
        WEB,
        "(select d.won::text from private.decide(jsonb_build_object('sub', '{owner}')::text, {id}, 'denied', null, false) d)",
        "web", id="'{pending}'", unknown="FW404",
    ),
    "private.allow_with_grant": of(
        WEB,
        "(select d.won::text from private.allow_with_grant(jsonb_build_object('sub', '{owner}')::text, {id}, '{digest}', 'any', 1, 5, null, null, null, '{{}}') d)",
        "web", id="'{pending}'", unknown="FW404",
    ),
    "private.take_back": of(
        WEB, "(select d.won::text from private.take_back(jsonb_build_object('sub', '{owner}')::text, {id}) d)",
        "web", id="'{held}'", unknown="FW404",
    ),
    "private.look_at_decision": of(
        WEB,
        "(select d.id from private.look_at_decision(jsonb_build_object('key_id', '{key}')::text, {id}) d)",
        "web", id="'{pending}'",
    ),
    "private.record_metrics": of(
        WEB,
        "(select nullif(nullif(r, 'unknown'), 'invalid') from private.record_metrics(array['{agent}']::uuid[], array[{id}]::uuid[],"
        " array[now()], array['good'], array[50], array['']) r)",
        "web", id="'{live}'",
    ),
    "private.sealed_secrets": of(
        WEB, "(select min(s.tool_id::text) from private.sealed_secrets({id}) s)", "web", id="'{agent}'::uuid"
    ),
    "private.note_key_use": of(WEB, "private.note_key_use(array[{id}]::uuid[])", id="'{key}'"),
    "private.note_setup_step": of(WEB, "nullif(private.note_setup_step({id}, '{{key_accepted}}')::text, '')", id="'{agent}'"),
    "private.configure": of(WEB, "private.configure('{{}}')", "web"),
    # Functions of the deliveries.
    "private.take_deliveries": of(
        f"{WEB} {SERVICE}", "(select count(*) from private.take_deliveries(0, '{{}}'))", "web service"
    ),
    "private.note_delivery": of(
        f"{WEB} {SERVICE}", "private.note_delivery(0, 1, true, 200, '', null)", "web service"
    ),
    # Functions of the sweeper.
    "private.sweep": of(f"{WEB} {SERVICE}", "coalesce(private.sweep('expiry'), 0)", "web service"),
    "private.expire_tool_permissions": of(
        f"{WEB} {SERVICE}", "private.expire_tool_permissions()", "web service"
    ),
    "private.settle_held_permissions": of(
        f"{AGENT} {SERVICE}", "private.settle_held_permissions()", f"{KEYS} service"
    ),
    "private.end_overlong": of(SERVICE, "private.end_overlong()", "service"),
    "private.mark_silent": of(SERVICE, "private.mark_silent()", "service"),
    "private.reap_interactions": of(SERVICE, "private.reap_interactions()", "service"),
    "private.cleanup_realtime_metrics": of(SERVICE, "private.cleanup_realtime_metrics()", "service"),
    "public.cleanup_old_archives": of(SERVICE, "public.cleanup_old_archives()", "service"),
    "private.anonymise_interactions": of(SERVICE, "private.anonymise_interactions()", "service"),
    "private.cleanup_leftovers": of(SERVICE, "private.cleanup_leftovers()", "service"),
    "private.fold_performance": NOBODY,
    "private.recount_performance": NOBODY,
    "private.note_performance": NOBODY,
    "private.forget": NOBODY,
    # About no row.
    "private.id_argument": of(
        PERSON, "private.id_argument(jsonb_build_object('id', '{owner}'), 'id')",
        f"{PEOPLE} nobody deactivated deactivated_admin",
    ),
    "private.setting": of(EVERY_ROLE, "private.setting('archive_days')", " ".join(set(ACTORS) - {"anon"})),
    "private.issue_tags": of(
        PERSON, "private.issue_tags('{{}}')", f"{PEOPLE} nobody deactivated deactivated_admin"
    ),
    "private.valid_issues": of(f"{AGENT} {SERVICE}", "private.valid_issues('[]')", f"{KEYS} service"),
    "private.valid_tags": of(f"{AGENT} {SERVICE}", "private.valid_tags('{{}}')", f"{KEYS} service"),
    "private.settle_fcr": NOBODY,
    **SIGNALS,
}  # fmt: skip
