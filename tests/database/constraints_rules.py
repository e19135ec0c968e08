"""The constraints of settings and alerts: table → which row is copied, and each constraint with the change that breaks it."""

from tests.database.constraints_review import ANOTHER, NOBODY

_UNIQUE = f"id = {ANOTHER}, subject_id = {ANOTHER}"

RULES: dict[str, tuple[str, dict[str, str]]] = {
    "private.settings": (
        "value is not null",
        {
            "settings_pkey": "value = 7",
            "settings_value_check": "value = 0",
            "settings_value_or_words": "words = 'x'",
            "settings_range": "name = 'another', value = null, words = 'x', lowest = 1",
        },
    ),
    "public.preferences": (
        "true",
        {
            "preferences_pkey": "zone = 'another'",
            "preferences_user_id_fkey": f"user_id = {NOBODY}",
            "preferences_clock_check": "clock = '13'",
            "preferences_theme_check": "theme = 'pink'",
            "preferences_density_check": "density = 'dense'",
        },
    ),
    "private.troubles": (
        "name = 'looked'",
        {"troubles_pkey": "since = '-infinity'", "troubles_order": "ended_at = '-infinity'"},
    ),
    "public.setting_changes": (
        "true",
        {
            "setting_changes_pkey": "after = 'another'",
            "setting_changes_name_fkey": "id = 0, name = 'nonsense'",
            "setting_changes_changed_by_fkey": f"id = 0, changed_by = {NOBODY}",
        },
    ),
    "public.alert_rules": (
        "id = {rule}",
        {
            "alert_rules_pkey": "name = 'another'",
            "alert_rules_supervisor_id_fkey": f"id = {ANOTHER}, supervisor_id = {NOBODY}",
            "alert_rules_changed_by_fkey": f"id = {ANOTHER}, changed_by = {NOBODY}",
            "alert_rules_name_check": "name = ''",
            "alert_rules_condition_check": "condition = 'loud', amount = 50",
            "alert_rules_amount": "amount = 0",
            "alert_rules_minutes": "minutes = 5",
            "alert_rules_days": "days = '{{8}}'",
            "alert_rules_hours": "from_time = '08:00'",
            "alert_rules_calls_check": "calls = 'nobody'",
        },
    ),
    "public.alerts": (
        "id = {alert}",
        {
            "alerts_pkey": f"subject_id = {ANOTHER}",
            "alerts_open": f"id = {ANOTHER}",
            "alerts_rule_id_fkey": f"{_UNIQUE}, rule_id = {NOBODY}",
            "alerts_supervisor_id_fkey": f"{_UNIQUE}, interaction_id = null, supervisor_id = {NOBODY}",
            "alerts_acknowledged_by_fkey": f"{_UNIQUE}, acknowledged_at = now(), acknowledged_by = {NOBODY}",
            "alerts_interaction": f"{_UNIQUE}, interaction_id = {NOBODY}",
            "alerts_closed": "closed_at = now()",
            "alerts_closed_because_check": "closed_at = now(), closed_because = 'bored'",
            "alerts_acknowledged": "acknowledged_at = now()",
        },
    ),
}
