"""The rows of the matrix for the review of an interaction: read by its supervisor and admins, written through functions alone."""

from tests.database.fates import Table, grid

_ROWS = "interaction_id in ({interactions})"

REVIEW: dict[str, Table] = {
    "public.interaction_notes": Table(
        rows=_ROWS,
        groups={
            "all": "id interaction_id supervisor_id line author_id author_name version created_at changed_at withdrawn_at"
        },
        new={
            "id": "gen_random_uuid()",
            "interaction_id": "'{done}'",
            "supervisor_id": "'{owner}'",
            "author_id": "'{owner}'",
            "author_name": "'x'",
        },
    ),
    "public.interaction_note_versions": Table(
        rows="note_id = '{note}'",
        groups={"all": "note_id version words written_at"},
        new={"note_id": "'{note}'", "version": "2", "words": "'x'"},
    ),
    "public.interaction_flags": Table(
        rows=_ROWS,
        groups={
            "all": "id interaction_id supervisor_id state reason assigned_to assigned_name flagged_by flagged_by_name"
            " flagged_at changed_by_name changed_at version"
        },
        new={
            "interaction_id": "'{unarchived}'",
            "supervisor_id": "'{owner}'",
            "flagged_by": "'{owner}'",
            "flagged_by_name": "'x'",
            "changed_by_name": "'x'",
        },
    ),
    "public.interaction_tags": Table(
        rows=_ROWS,
        groups={"all": "interaction_id supervisor_id tag added_by added_by_name added_at"},
        new={
            "interaction_id": "'{done}'",
            "supervisor_id": "'{owner}'",
            "tag": "'new'",
            "added_by": "'{owner}'",
            "added_by_name": "'x'",
        },
    ),
    "public.scorecards": Table(
        rows="version = 1",
        groups={"all": "version criteria created_at created_by created_by_name"},
        new={"version": "1000000", "criteria": '\'[{{"name": "x", "meaning": "", "weight": 1}}]\''},
        fates=grid("""
                     select
        other        sees
        """),
    ),
    "public.interaction_scores": Table(
        rows=_ROWS,
        groups={
            "all": "id interaction_id supervisor_id version answers total scored_by scored_by_name by_admin scored_at"
        },
        new={
            "interaction_id": "'{unarchived}'",
            "supervisor_id": "'{owner}'",
            "version": "1",
            "answers": '\'{{"1": "yes"}}\'',
            "total": "100",
            "scored_by": "'{owner}'",
            "scored_by_name": "'x'",
            "by_admin": "false",
        },
    ),
}
