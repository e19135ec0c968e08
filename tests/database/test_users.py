"""The trigger on auth.users: who gets a row, and that nothing of it ever blocks a sign-in."""

import json
import secrets
from typing import Any
from uuid import UUID, uuid4

from tests.app_server import AppServer, Person
from tests.database.acting import Connection, as_owner


async def a_login(
    owner: Connection, app: dict[str, Any] | None, email: str | None = None, user: str = "{}"
) -> UUID:
    user_id = uuid4()
    await owner.execute(
        """insert into auth.users (id, email, aud, role, raw_app_meta_data, raw_user_meta_data)
        values ($1, $2, 'authenticated', 'authenticated', $3, $4::text::jsonb)""",
        user_id,
        email or f"{secrets.token_hex(5)}@example.com",
        app,
        user,
    )
    return user_id


async def change(owner: Connection, user_id: UUID, **columns: Any) -> None:
    for name, value in columns.items():
        await owner.execute(f"update auth.users set {name} = $2 where id = $1", user_id, value)


async def faults(owner: Connection, user_id: UUID) -> int:
    return int(
        await owner.fetchval("select count(*) from private.profile_faults where user_id = $1", user_id)
    )


def supervisor(username: str | None = None, kind: str = "voice") -> dict[str, Any]:
    return {
        "app_role": "supervisor",
        "supervisor_type": kind,
        "username": username or f"u{secrets.token_hex(5)}",
    }


async def test_no_row_before_app_metadata_and_one_after(app_server: AppServer) -> None:
    async with as_owner(app_server) as owner:
        user_id = await a_login(owner, {"provider": "email"})
        assert await owner.fetchrow("select * from users where id = $1", user_id) is None
        assert await faults(owner, user_id) == 0
        await change(owner, user_id, raw_app_meta_data=supervisor("ana-x"))
        row = await owner.fetchrow("select * from users where id = $1", user_id)
        assert row is not None
        assert (row["role"], row["username"], row["supervisor_type"]) == ("supervisor", "ana-x", "voice")


async def test_user_metadata_gives_no_rights_only_a_name(app_server: AppServer) -> None:
    async with as_owner(app_server) as owner:
        boast = json.dumps({"app_role": "admin", "role": "admin", "name": "Eve"})
        assert (
            await owner.fetchrow("select from users where id = $1", await a_login(owner, None, user=boast))
            is None
        )
        user_id = await a_login(owner, supervisor(), user=boast)
        row = await owner.fetchrow("select role, name from users where id = $1", user_id)
        assert row is not None
        assert tuple(row) == ("supervisor", "Eve")


async def test_incomplete_or_wrong_metadata_makes_no_row_but_a_fault(app_server: AppServer) -> None:
    async with as_owner(app_server) as owner:
        for meta in (
            {"app_role": "boss"}, {"app_role": "supervisor"}, {"app_role": "supervisor", "supervisor_type": "voice"},
            {"app_role": "admin", "username": "admins-have-none"}, {**supervisor(), "supervisor_type": "fax"},
            {**supervisor(), "username": "Has Blanks"}, {**supervisor(), "username": "x"}, {"app_role": ["admin"]},
        ):  # fmt: skip
            user_id = await a_login(owner, meta)
            assert await owner.fetchrow("select from users where id = $1", user_id) is None, meta
            assert await faults(owner, user_id) == 1, meta


async def test_a_name_or_username_that_is_taken_blocks_nothing(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        user_id = await a_login(owner, supervisor(voice.username))
        assert await faults(owner, user_id) == 1
        other = await a_login(owner, supervisor("second-name"))
        await change(owner, other, raw_app_meta_data=supervisor(voice.username))
        assert await owner.fetchval("select username from users where id = $1", other) == "second-name"
        assert await faults(owner, other) == 1
        await change(owner, other, email=voice.email.upper())
        assert await owner.fetchval("select email from users where id = $1", other) != voice.email.upper()
        assert await faults(owner, other) == 2


async def test_a_supervisors_type_stays_what_it_is(app_server: AppServer) -> None:
    async with as_owner(app_server) as owner:
        meta = supervisor()
        user_id = await a_login(owner, meta)
        await change(owner, user_id, raw_app_meta_data={**meta, "supervisor_type": "chat"})
        assert await owner.fetchval("select supervisor_type from users where id = $1", user_id) == "voice"
        assert await faults(owner, user_id) == 1


async def test_a_supervisor_with_agents_is_not_made_an_admin(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        await change(owner, voice.id, raw_app_meta_data={"app_role": "admin"})
        assert await owner.fetchval("select role from users where id = $1", voice.id) == "supervisor"
        assert await faults(owner, voice.id) == 1


async def test_a_ban_holds_even_when_the_rest_of_the_update_is_refused(app_server: AppServer) -> None:
    async with as_owner(app_server) as owner:
        user_id = await a_login(owner, supervisor())
        await owner.execute(
            """update auth.users set banned_until = now() + interval '1 day', raw_app_meta_data = '{"app_role": "boss"}'
            where id = $1""",
            user_id,
        )
        row = await owner.fetchrow(
            "select role, banned_until > now() as banned from users where id = $1", user_id
        )
        assert row is not None
        assert tuple(row) == ("supervisor", True)
        await change(owner, user_id, banned_until=None, raw_app_meta_data=supervisor("back-again"))
        row = await owner.fetchrow("select username, banned_until from users where id = $1", user_id)
        assert row is not None
        assert tuple(row) == ("back-again", None)


async def test_a_role_taken_away_deactivates_and_does_not_come_back_by_itself(app_server: AppServer) -> None:
    async with as_owner(app_server) as owner:
        meta = supervisor()
        user_id = await a_login(owner, meta)
        await change(owner, user_id, raw_app_meta_data={"provider": "email"})
        row = await owner.fetchrow(
            "select deactivated_at is not null, username from users where id = $1", user_id
        )
        assert row is not None
        assert tuple(row) == (True, meta["username"])
        await change(owner, user_id, raw_app_meta_data=meta)
        assert await owner.fetchval("select deactivated_at is not null from users where id = $1", user_id)


async def test_no_login_is_blocked_by_whatever_its_metadata_says(app_server: AppServer) -> None:
    async with as_owner(app_server) as owner:
        for meta in (
            "[]",
            '"text"',
            "7",
            "null",
            '{"app_role": {"a": 1}}',
            '{"app_role": "admin", "username": {}}',
        ):
            user_id = await a_login(owner, None)
            await owner.execute(
                "update auth.users set raw_app_meta_data = $2::text::jsonb where id = $1", user_id, meta
            )
            await owner.execute("update auth.users set last_sign_in_at = now() where id = $1", user_id)
        nobody = await a_login(owner, {"app_role": "admin"}, user=json.dumps({"name": "n" * 300}))
        assert await faults(owner, nobody) == 1


async def test_the_sample_people_of_the_specification_are_there(app_server: AppServer) -> None:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            "select email, role, username, supervisor_type from users where email ~ '^(admin|supervisor1)@example.com$' order by 1"
        )
        tools = await owner.fetchval(
            "select count(*) from agent_tools t join agents a on a.id = t.agent_id join users u on u.id = a.supervisor_id where a.name = 'Voice Agent 1' and u.username = 'johndoe'"
        )
    assert [tuple(row) for row in rows] == [
        ("admin@example.com", "admin", None, None),
        ("supervisor1@example.com", "supervisor", "johndoe", "voice"),
    ]
    assert tools >= 3
