"""A database as comparable text: its catalogue, and every row of its tables."""

from typing import Any, TypeAlias

import asyncpg

from server.kernel.db import migrations

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Catalogue: TypeAlias = dict[str, list[str]]  # what → sorted lines

SCHEMAS = str(migrations.SCHEMAS)  # as SQL has a list of texts
NOT_KEPT = "private.web_sessions"  # who is signed in

_OWN = f"n.nspname in {SCHEMAS}"


def _acl(column: str, kind: str, owner: str) -> str:
    """Grants as sorted words; none written is what the kind of object has by default."""
    return f"""(select string_agg(concat_ws(' ', a.grantor::regrole, case a.grantee when 0 then 'everybody'
      else a.grantee::regrole::text end, a.privilege_type, a.is_grantable), '; ' order by a.grantor::regrole::text,
      a.grantee::regrole::text, a.privilege_type) from aclexplode(coalesce({column}, acldefault('{kind}', {owner}))) a)"""


_QUESTIONS = {
    "schemas": f"""select nspname, {_acl("nspacl", "n", "nspowner")}, obj_description(n.oid, 'pg_namespace'),
        nspowner::regrole::text from pg_namespace n
        where nspname !~ '^pg_' and nspname <> 'information_schema'""",
    "relations": f"""select n.nspname, relname, relkind::text, relowner::regrole::text, relrowsecurity,
        relforcerowsecurity, array(select unnest(reloptions) order by 1), case relkind when 'S' then {_acl("relacl", "s", "relowner")} else {_acl("relacl", "r", "relowner")} end, obj_description(c.oid, 'pg_class'),
        case when relkind in ('v', 'm') then pg_get_viewdef(c.oid, true) end, relpersistence::text
        from pg_class c join pg_namespace n on n.oid = relnamespace where {_OWN} and relkind <> 'i'""",
    "columns": f"""select n.nspname, relname, attname, format_type(atttypid, atttypmod), attnotnull,
        pg_get_expr(adbin, adrelid, true), attgenerated::text, attidentity::text, attstorage::text, nullif(attstattarget, -1),
        (select string_agg(x::text, ' ' order by x::text) from unnest(attacl) x), col_description(c.oid, attnum)
        from pg_attribute a join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
        left join pg_attrdef d on adrelid = c.oid and adnum = attnum
        where {_OWN} and attnum > 0 and not attisdropped and relkind <> 'i'""",
    "constraints": f"""select n.nspname, conrelid::regclass::text, conname, pg_get_constraintdef(c.oid, true), convalidated,
        obj_description(c.oid, 'pg_constraint')
        from pg_constraint c join pg_namespace n on n.oid = connamespace where {_OWN}""",
    "indexes": f"""select indexdef, obj_description(format('%I.%I', schemaname, indexname)::regclass, 'pg_class')
        from pg_indexes where schemaname in {SCHEMAS}""",
    "statistics": f"""select pg_get_statisticsobjdef(s.oid), stxowner::regrole::text, obj_description(s.oid, 'pg_statistic_ext')
        from pg_statistic_ext s join pg_class c on c.oid = stxrelid join pg_namespace n on n.oid = relnamespace where {_OWN}""",
    "policies": f"""select polrelid::regclass::text, polname, polcmd::text, polpermissive, polroles::regrole[]::text,
        pg_get_expr(polqual, polrelid, true), pg_get_expr(polwithcheck, polrelid, true)
        from pg_policy p join pg_class c on c.oid = polrelid join pg_namespace n on n.oid = relnamespace
        where {_OWN}""",
    "triggers": f"""select pg_get_triggerdef(t.oid, true), tgenabled::text, obj_description(t.oid, 'pg_trigger')
        from pg_trigger t join pg_class c on c.oid = tgrelid join pg_namespace n on n.oid = relnamespace
        where not tgisinternal and ({_OWN} or n.nspname = 'auth')""",
    "functions": f"""select p.oid::regprocedure::text, pg_get_functiondef(p.oid), proowner::regrole::text,
        {_acl("proacl", "f", "proowner")}, obj_description(p.oid, 'pg_proc')
        from pg_proc p join pg_namespace n on n.oid = pronamespace where {_OWN} and prokind <> 'a'
        and not exists (select from pg_depend where objid = p.oid and deptype = 'e')""",
    "types": f"""select n.nspname, typname, typtype::text, typowner::regrole::text, format_type(typbasetype, typtypmod)
        from pg_type t join pg_namespace n on n.oid = typnamespace where {_OWN} and typtype in ('e', 'd', 'r')""",
    "sequences": f"""select schemaname, sequencename, start_value, increment_by, last_value
        from pg_sequences where schemaname in {SCHEMAS}""",
    "default privileges": f"""select defaclrole::regrole::text, coalesce(n.nspname, 'everywhere'), defaclobjtype::text,
        (select string_agg(x::text, ' ' order by x::text) from unnest(defaclacl) x)
        from pg_default_acl left join pg_namespace n on n.oid = defaclnamespace
        where n.oid is null or {_OWN}""",
    "extensions": """select extname, n.nspname, extowner::regrole::text
        from pg_extension join pg_namespace n on n.oid = extnamespace""",
    "roles": """select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls, rolconfig
        from pg_roles where rolname !~ '^pg_'""",
    "members": """select roleid::regrole::text, member::regrole::text, grantor::regrole::text, admin_option
        from pg_auth_members""",
    "database": "select datdba::regrole::text, datacl::text from pg_database where datname = current_database()",
}


# In short form, because the long form of a chain of `or` has more brackets before a restore than after.


async def catalogue(connection: Connection) -> Catalogue:
    """Everything that is defined and granted, sorted, without numbers that differ between two databases."""
    await connection.execute("set search_path = ''")
    found = {}
    for what, question in _QUESTIONS.items():
        rows = await connection.fetch(question)
        found[what] = sorted(repr(tuple(row)) for row in rows)
    await connection.execute("reset search_path")
    return found


async def rows(connection: Connection) -> dict[str, list[str]]:
    """Every row of every table of ours, and of the accounts."""
    tables = await connection.fetch(
        f"""
        select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = relnamespace
        where c.relkind in ('r', 'p') and not c.relispartition and ({_OWN} or n.nspname = 'auth' and c.relname in ('users', 'identities'))
        """
    )
    found: dict[str, list[str]] = {}
    for table in sorted(row["name"] for row in tables):
        if table != NOT_KEPT:
            all_of_it = await connection.fetch(f"select t::text as row from {table} t")
            found[table] = sorted(row["row"] for row in all_of_it)
    return found


def differences(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> list[str]:
    """What only one of the two has: < the first, > the second."""
    found = []
    for what in sorted(one.keys() | other.keys()):
        first, second = one.get(what, []), other.get(what, [])
        if first != second:
            found += [f"< {what}: {line}" for line in first if line not in second]
            found += [f"> {what}: {line}" for line in second if line not in first]
            found += [] if found else [f"{what}: not as often"]
    print("\n".join(found))  # pytest shortens a list
    return found
