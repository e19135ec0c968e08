"""The constraints of what calls a person: table → which row is copied, and each constraint with the change that breaks it."""

from tests.database.constraints_review import ANOTHER, NOBODY

_ELSE = "endpoint = 'https://push.example.com/another'"

SIGNALS: dict[str, tuple[str, dict[str, str]]] = {
    "public.signal_choices": (
        "user_id = {owner}",
        {
            "signal_choices_pkey": "zone = 'Europe/Berlin'",
            "signal_choices_sounds_check": "sounds = '{{bell}}'",
            "signal_choices_notifications_check": "notifications = '{{bell}}'",
            "signal_choices_quiet_check": "quiet_from = '22:00'",
            "signal_choices_zone_check": "zone = ''",
            "signal_choices_user_id_fkey": f"user_id = {NOBODY}",
        },
    ),
    "public.push_subscriptions": (
        "user_id = {owner}",
        {
            "push_subscriptions_pkey": f"{_ELSE}, session_id = {ANOTHER}",
            "push_subscriptions_session": f"id = {ANOTHER}, {_ELSE}",
            "push_subscriptions_endpoint": f"id = {ANOTHER}, session_id = {ANOTHER}",
            "push_subscriptions_endpoint_check": "endpoint = 'file:///etc'",
            "push_subscriptions_keys_check": "auth = ''",
            "push_subscriptions_session_id_fkey": f"id = {ANOTHER}, {_ELSE}, session_id = {NOBODY}",
            "push_subscriptions_user_id_fkey": f"id = {ANOTHER}, {_ELSE}, session_id = {ANOTHER}, user_id = {NOBODY}",
        },
    ),
    "private.given_signals": (
        "user_id = {owner}",
        {
            "given_signals_pkey": "given_at = now()",
            "given_signals_user_id_fkey": f"user_id = {NOBODY}",
        },
    ),
    "private.push_messages": (
        "signal = 'half'",
        {
            "push_messages_pkey": "signal = 'ending'",
            "push_messages_subscription_id_fkey": f"id = 1e15, subscription_id = {NOBODY}",
        },
    ),
}
