"""The rows of the sample that admins make: a change of a setting, a rule and its alert."""

from uuid import UUID

import asyncpg


async def make_rules(
    owner: "asyncpg.Connection[asyncpg.Record]", person: UUID, interaction: UUID
) -> dict[str, str]:
    """A change of a setting, a rule that finds nothing by itself, and an alert of it that nothing closes."""
    await owner.execute(
        "insert into public.setting_changes (name, before, after) values ('archive_days', '90', '90')"
    )
    await owner.execute("insert into public.preferences (user_id) values ($1)", person)
    rule = await owner.fetchval(
        """insert into public.alert_rules (name, condition, amount, minutes, supervisor_id, calls, changed_by, changed_by_name)
        values ('Sample', 'silence', 3600, null, $1, 'both', $1, 'x') returning id""",
        person,
    )
    alert = await owner.fetchval(
        """insert into public.alerts (rule_id, rule_name, condition, amount, supervisor_id, interaction_id, subject_id, measured,
          calls_supervisor, calls_admins, opened_at, calm_since)
        values ($1, 'Sample', 'silence', 3600, $2, $3, $3, 3600, true, true, clock_timestamp(), 'infinity') returning id""",
        rule,
        person,
        interaction,
    )
    return {"rule": str(rule), "alert": str(alert)}
