"""The constraints of the review of an interaction: table → which row is copied, and each constraint with the change that breaks it."""

ANOTHER, NOBODY = "gen_random_uuid()", "gen_random_uuid()"
_OTHER = f"id = {ANOTHER}, interaction_id = {{unarchived}}"  # which has no flag and no score

REVIEW: dict[str, tuple[str, dict[str, str]]] = {
    "public.interaction_notes": (
        "id = {note}",
        {
            "interaction_notes_pkey": "author_name = 'another'",
            "interaction_notes_line_check": "line = 'somewhere'",
            "interaction_notes_version_check": "version = 0",
            "interaction_notes_author_id_fkey": f"id = {ANOTHER}, author_id = {NOBODY}",
            "interaction_notes_interaction": f"id = {ANOTHER}, interaction_id = {NOBODY}",
        },
    ),
    "public.interaction_note_versions": (
        "note_id = {note}",
        {
            "interaction_note_versions_pkey": "words = 'another'",
            "interaction_note_versions_version_check": "version = 0",
            "interaction_note_versions_words_check": "words = repeat('x', 4001)",
            "interaction_note_versions_note_id_fkey": f"note_id = {NOBODY}",
        },
    ),
    "public.interaction_flags": (
        "interaction_id = {done}",
        {
            "interaction_flags_pkey": "reason = 'another'",
            "interaction_flags_once": f"id = {ANOTHER}",
            "interaction_flags_assigned": "assigned_name = 'x'",
            "interaction_flags_reason_check": "reason = repeat('x', 501)",
            "interaction_flags_state_check": "state = 'lost'",
            "interaction_flags_assigned_to_fkey": f"{_OTHER}, assigned_to = {NOBODY}, assigned_name = 'x'",
            "interaction_flags_flagged_by_fkey": f"{_OTHER}, flagged_by = {NOBODY}",
            "interaction_flags_interaction": f"id = {ANOTHER}, interaction_id = {NOBODY}",
        },
    ),
    "public.interaction_tags": (
        "interaction_id = {done}",
        {
            "interaction_tags_pkey": "added_by_name = 'another'",
            "interaction_tags_tag_check": "tag = 'Refund'",
            "interaction_tags_added_by_fkey": f"tag = 'another', added_by = {NOBODY}",
            "interaction_tags_interaction": f"interaction_id = {NOBODY}",
        },
    ),
    "public.scorecards": (
        "version = 1",
        {
            "scorecards_pkey": "created_by_name = 'another'",
            "scorecards_version_check": "version = 0",
            "scorecards_criteria": "criteria = '[]'",
            "scorecards_created_by_fkey": f"version = 1000000, created_by = {NOBODY}",
        },
    ),
    "public.interaction_scores": (
        "interaction_id = {done}",
        {
            "interaction_scores_pkey": "total = 1",
            "interaction_scores_once": f"id = {ANOTHER}",
            "interaction_scores_answers_check": "answers = '{{}}'",
            "interaction_scores_total_check": "total = 101",
            "interaction_scores_interaction": f"id = {ANOTHER}, interaction_id = {NOBODY}",
            "interaction_scores_scored_by_fkey": f"{_OTHER}, scored_by = {NOBODY}",
            "interaction_scores_version_fkey": f"{_OTHER}, version = 1000000",
        },
    ),
}
