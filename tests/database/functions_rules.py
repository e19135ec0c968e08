"""The rows of functions.py for settings and alerts."""

from tests.database.callers import NOBODY, PERSON, WEB, Function, of

RULES: dict[str, Function] = {
    "private.configure_v2": of(WEB, "private.configure_v2('{{}}', '{{}}')", "web"),
    "private.held_settings": of(WEB, "private.held_settings()", "web"),
    "private.settle_settings": NOBODY,
    "private.setting_fits": NOBODY,
    "public.present_settings": of(PERSON, "public.present_settings()", "admin", "FW403"),
    "public.change_setting": of(
        PERSON,
        "public.change_setting('archive_days', '91', private.setting('archive_days')::text)",
        "admin",
        "FW403",
    ),
}
