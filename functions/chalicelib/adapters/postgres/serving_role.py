"""The role that the functions serve as: it reads and writes the tables of their owner, and changes no schema.

A migration makes it, as its secret names it, and grants it what it lacks. Each does so again: a password
that was rotated and tables that are new become its own. The server gives its sessions what it gives the
owner's (`sql/004_limits.sql`, `005_planner.sql`).
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.sql import SQL, Composable, Identifier, Literal

from ..aws.secrets import Credentials

Session = psycopg.Connection[Any]

LEDGER = "schema_migrations"  # which it need not read

FOUND = """
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
    OR pg_has_role(oid, current_user, 'MEMBER') AS is_too_much
FROM pg_roles WHERE rolname = %s
"""

# By kind: tables, views and sequences of the owner's, with the privileges that the role lacks.
LACKS = """
WITH owned AS (
    SELECT class.oid, relkind, nspname, relname
    FROM pg_class class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_roles ON pg_roles.oid = relowner AND rolname = current_user
    WHERE relkind IN ('r', 'p', 'v', 'S') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND relname <> %(ledger)s
), wanted AS (
    SELECT nspname, relname, relkind, privilege, CASE relkind
        WHEN 'S' THEN has_sequence_privilege(%(role)s::name, oid, privilege)
        ELSE has_table_privilege(%(role)s::name, oid, privilege) END AS has
    FROM owned CROSS JOIN unnest(CASE relkind
        WHEN 'S' THEN '{USAGE}'::text[]
        WHEN 'v' THEN '{SELECT}'::text[]
        ELSE '{SELECT,INSERT,UPDATE,DELETE}'::text[] END) AS privilege
)
SELECT nspname, relname, relkind = 'S', array_agg(privilege) FILTER (WHERE NOT has) FROM wanted
GROUP BY nspname, relname, relkind ORDER BY nspname, relname
"""

SETTINGS = """
SELECT split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
FROM pg_db_role_setting
JOIN pg_roles ON pg_roles.oid = setrole AND rolname = %s
JOIN pg_database ON pg_database.oid = setdatabase AND datname = current_database(),
    unnest(setconfig) AS setting
WHERE setting !~ '^search_path='  -- which each session sets itself
"""


class RoleUnfit(Exception):
    """The role can't be made, or may do more than serve; the message says what to do."""


def prepare(session: Session, given: Credentials) -> None:
    """Make the role, or bring it up to date, in the current transaction of the owner. Raises RoleUnfit."""
    owner, database = _one(session, "SELECT current_user, current_database()")
    if given.username == owner:
        raise RoleUnfit(f"DATABASE_ROLE_SECRET names {owner}, who owns the tables: it must be another role.")
    try:
        _create(session, given)
        _grant(session, given.username, owner, database)
        _give_settings(session, given.username, owner, database)
    except psycopg.errors.InsufficientPrivilege as error:
        raise RoleUnfit(
            f"{owner} may not make or change the role {given.username} ({error.diag.message_primary}): it "
            "needs CREATEROLE, and ADMIN OPTION of a role that is there."
        ) from error
    _check(session, given.username, owner)


def _create(session: Session, given: Credentials) -> None:
    """The password travels as what Postgres keeps of it, so that no log of the server's has it."""
    role = Identifier(given.username)
    if session.execute(FOUND, [given.username]).fetchone() is None:
        session.execute(SQL("CREATE ROLE {}").format(role))
    found = _one(session, FOUND, given.username)
    if found[0]:
        raise RoleUnfit(f"The role {given.username} may do more than serve: it must be one of its own.")
    kept = session.pgconn.encrypt_password(
        given.password.encode(), given.username.encode(), b"scram-sha-256"
    ).decode()
    session.execute(SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(role, Literal(kept)))


def _grant(session: Session, name: str, owner: str, database: str) -> None:
    """What it lacks of what the tables are used for, and the same of tables that are to come."""
    role = Identifier(name)

    def execute(statement: str, **parts: Composable) -> None:
        session.execute(SQL(statement).format(role=role, **parts))

    execute("GRANT CONNECT ON DATABASE {database} TO {role}", database=Identifier(database))
    execute("REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC", database=Identifier(database))
    execute(
        "GRANT TEMPORARY ON DATABASE {database} TO {owner}",
        database=Identifier(database),
        owner=Identifier(owner),
    )
    relations = session.execute(LACKS, {"role": name, "ledger": LEDGER}).fetchall()
    for schema in {"public", *(schema for schema, *_ in relations)}:
        execute("GRANT USAGE ON SCHEMA {schema} TO {role}", schema=Identifier(schema))
        default = "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT "
        execute(default + "SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}", schema=Identifier(schema))
        execute(default + "USAGE ON SEQUENCES TO {role}", schema=Identifier(schema))
    for schema, relation, is_sequence, missing in relations:
        if missing:
            privileges, kind = SQL(", ".join(missing)), SQL("SEQUENCE" if is_sequence else "TABLE")
            execute(
                "GRANT {privileges} ON {kind} {relation} TO {role}",
                privileges=privileges,
                kind=kind,
                relation=Identifier(schema, relation),
            )


def _give_settings(session: Session, name: str, owner: str, database: str) -> None:
    has = dict(session.execute(SETTINGS, [name]).fetchall())
    for setting, value in session.execute(SETTINGS, [owner]).fetchall():
        if has.get(setting) != value:
            session.execute(
                SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
                    Identifier(name), Identifier(database), Identifier(setting), Literal(value)
                )
            )


def _check(session: Session, name: str, owner: str) -> None:
    """Before Postgres 15 everybody may create tables in public, unless that is revoked."""
    may_create = "SELECT has_schema_privilege(%s::name, 'public', 'CREATE')"
    if _one(session, may_create, name)[0]:
        raise RoleUnfit(
            f"The role {name} may create tables in the schema public, as everybody may. Its owner has to end "
            f"that: REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO {owner};"
        )


def _one(session: Session, query: str, *parameters: object) -> Any:
    found = session.execute(query.encode(), parameters).fetchone()
    assert found is not None
    return found
