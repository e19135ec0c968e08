"""The rows of the matrix for settings and alerts."""

from tests.database.fates import Table, closed, grid

RULES: dict[str, Table] = {
    "public.preferences": Table(
        rows="user_id = '{owner}'",
        groups={"all": "user_id zone clock theme density changed_at"},
        new={"user_id": "'{owner}'"},
        fates=grid("""
                     select
        admin        nothing
        """),
    ),
    "private.troubles": closed("name since ended_at"),
    "public.setting_changes": Table(
        rows="true",
        groups={"all": "id name before after at changed_by changed_by_name"},
        new={"name": "'archive_days'", "before": "'1'", "after": "'2'"},
        fates=grid("""
                     select
        owner        nothing
        """),
    ),
    "public.alert_rules": Table(
        rows="id = '{rule}'",
        groups={
            "all": "id name condition amount minutes supervisor_id days from_time until_time zone calls version created_at"
            " changed_at changed_by changed_by_name retired_at"
        },
        new={
            "name": "'x'",
            "condition": "'silence'",
            "amount": "60",
            "calls": "'both'",
            "changed_by": "'{owner}'",
            "changed_by_name": "'x'",
        },
        fates=grid("""
                     select
        owner        nothing
        """),
    ),
    "public.alerts": Table(
        rows="id = '{alert}'",
        groups={
            "all": "id rule_id rule_name condition amount minutes supervisor_id interaction_id subject_id measured calls_supervisor"
            " calls_admins opened_at calm_since closed_at closed_because acknowledged_at acknowledged_by acknowledged_by_name"
        },
        new={
            "rule_id": "'{rule}'",
            "rule_name": "'x'",
            "condition": "'silence'",
            "amount": "60",
            "supervisor_id": "'{owner}'",
            "subject_id": "gen_random_uuid()",
            "measured": "60",
            "calls_supervisor": "true",
            "calls_admins": "true",
            "opened_at": "now()",
        },
    ),
}
