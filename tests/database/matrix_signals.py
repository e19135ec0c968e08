"""The rows of the matrix for what calls a person: each sees their own, and changes it through functions alone."""

from tests.database.fates import Table, closed, grid

_OWN = grid("""
                    select    select.secret
owner               sees      refused
admin               nothing   refused
other               nothing   refused
nobody              nothing   refused
deactivated         nothing   refused
deactivated_admin   nothing   refused
""")

SIGNALS: dict[str, Table] = {
    "public.signal_choices": Table(
        rows="user_id = '{owner}'",
        groups={"all": "user_id sounds notifications quiet_from quiet_until zone changed_at"},
        new={"user_id": "'{owner}'", "sounds": "'{{}}'", "notifications": "'{{}}'", "zone": "'UTC'"},
        fates=grid("""
                     select
        admin        nothing
        """),
    ),
    "public.push_subscriptions": Table(
        rows="user_id = '{owner}'",
        groups={"all": "id user_id session_id host created_at", "secret": "endpoint p256dh auth"},
        new={
            "user_id": "'{owner}'",
            "session_id": "'{session}'",
            "endpoint": "'https://push.example.com/x'",
            "host": "'x'",
            "p256dh": "''",
            "auth": "''",
        },
        fates=_OWN,
    ),
    "private.given_signals": closed("user_id signal subject_id since given_at"),
    "private.push_messages": closed(
        "id subscription_id signal subject_id agent_name tool_name ends_at attempts next_at"
    ),
}
