"""The rows of functions.py for settings and alerts."""

from tests.database.callers import NOBODY, PEOPLE, PERSON, WEB, Function, of

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
    # Alerts: rules by admins, acknowledged by those who see them.
    "public.save_alert_rule": of(
        PERSON,
        'public.save_alert_rule(gen_random_uuid(), 0, \'{{"name": "x", "condition": "critical", "amount": 60,'
        ' "days": [1], "zone": "UTC", "calls": "both"}}\')',
        "admin",
        "FW403",
    ),
    "public.retire_alert_rule": Function(
        may=PERSON,
        call="public.retire_alert_rule({id})",
        id="'{rule}'",
        its={"gives": "admin"},
        otherwise="FW403",
        unknown="FW404",
    ),
    "public.acknowledge_alert": of(
        PERSON, "public.acknowledge_alert({id})", "owner admin", "FW404", id="'{alert}'"
    ),
    "private.alerts_on_screen": of(
        PERSON,
        "nullif(private.alerts_on_screen(jsonb_build_object('supervisor_id', coalesce({id}, gen_random_uuid()))) -> 'alerts', '[]')",
        "owner admin",
        id="'{owner}'::uuid",
    ),
    "public.set_preferences": of(
        PERSON, "public.set_preferences('UTC', '12', 'dark', 'compact')", PEOPLE, "FW403"
    ),
    "public.set_theme": of(PERSON, "public.set_theme('dark')", PEOPLE, "FW403"),
    "private.troubles_now": NOBODY,
    "private.note_troubles": NOBODY,
    "private.open_views": NOBODY,
    "private.evaluate_alerts": NOBODY,
    "private.rule_findings": NOBODY,
    "private.rule_applies": NOBODY,
}
