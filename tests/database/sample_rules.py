"""The rows of the sample that admins make: a change of a setting."""

import asyncpg


async def make_rules(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A change of a setting."""
    await owner.execute(
        "insert into public.setting_changes (name, before, after) values ('archive_days', '90', '90')"
    )
