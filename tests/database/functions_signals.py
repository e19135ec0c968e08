"""Who may call the functions of what calls a person: their choices, their browsers, and what is sent there."""

from tests.database.callers import NOBODY, PERSON, WEB, Function, of

SIGNALS: dict[str, Function] = {
    "private.own_signals": of(
        PERSON, "(select s.sounds::text from private.own_signals() s)", "owner other admin"
    ),
    "public.choose_signals": of(
        PERSON,
        "public.choose_signals('{{half}}', '{{}}', '22:00', '07:00', 'UTC')",
        "owner other admin",
        "FW403",
    ),
    "private.subscribe_push": Function(
        may=PERSON,
        call=r"private.subscribe_push({id}, 'https://push.example.com/other', 'push.example.com', decode(repeat('04', 65), 'hex'), decode(repeat('05', 16), 'hex'))",
        id="'{session}'",
        its={"gives": "owner", "FW404": "other admin"},
        otherwise="FW403",
        unknown="FW404",
    ),
    "private.end_push": of(PERSON, "private.end_push({id})", id="'{session}'"),
    "private.note_given_signals": Function(
        may=PERSON,
        call="private.note_given_signals(array['half'], array[{id}]::uuid[], array[now()])",
        id="'{pending}'",
        its={"gives": "owner other admin"},
        otherwise="FW403",
        unknown="gives",
    ),
    "private.queue_pushes": of(WEB, "private.queue_pushes()", "web"),
    "private.take_pushes": of(WEB, "(select min(t.id) from private.take_pushes(1, '{{}}') t)"),
    "private.note_push": of(WEB, "private.note_push(0, 1, false, null)", "web"),
    **dict.fromkeys(
        ("private.usual_signals", "private.in_hours", "private.is_zone", "private.due_signals"), NOBODY
    ),
}
