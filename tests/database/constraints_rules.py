"""The constraints of settings and alerts: table → which row is copied, and each constraint with the change that breaks it."""

from tests.database.constraints_review import NOBODY

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
    "public.setting_changes": (
        "true",
        {
            "setting_changes_pkey": "after = 'another'",
            "setting_changes_name_fkey": "id = 0, name = 'nonsense'",
            "setting_changes_changed_by_fkey": f"id = 0, changed_by = {NOBODY}",
        },
    ),
}
