"""What is known of each database and cache engine: its family, usual port, client programs, and how its URLs begin.

A table and its look-up, no more: how a client is called is in `client_calls`, what can be copied in `client_lines`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class Family(StrEnum):
    """Engines that speak one protocol and are reached by the same clients."""

    POSTGRES = "postgres"
    MYSQL = "mysql"
    MARIADB = "mariadb"
    SQLSERVER = "sqlserver"
    ORACLE = "oracle"
    DB2 = "db2"
    DOCDB = "docdb"
    NEPTUNE = "neptune"
    REDIS = "redis"
    VALKEY = "valkey"
    MEMCACHED = "memcached"
    TCP = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """An engine. `clients` are programs, best first; `jdbc` is a pattern with `{port}` and `{database}`.

    `default_database` is what is there where nobody named one, `default_user` the name that RDS's own console proposes;
    both are empty where there is none.
    """

    family: Family
    title: str
    clients: tuple[str, ...] = ()
    url_scheme: str = ""
    jdbc: str = ""
    default_database: str = ""
    default_user: str = ""


_POSTGRES = EngineFacts(
    family=Family.POSTGRES,
    title="PostgreSQL",
    clients=("psql", "pgcli"),
    url_scheme="postgresql",
    jdbc="jdbc:postgresql://127.0.0.1:{port}/{database}",
    default_database="postgres",
    default_user="postgres",
)
_MYSQL = EngineFacts(
    family=Family.MYSQL,
    title="MySQL",
    clients=("mysql", "mariadb", "mycli"),
    url_scheme="mysql",
    jdbc="jdbc:mysql://127.0.0.1:{port}/{database}",
    default_user="admin",
)
_MARIADB = EngineFacts(
    family=Family.MARIADB,
    title="MariaDB",
    clients=("mariadb", "mysql", "mycli"),
    url_scheme="mariadb",
    jdbc="jdbc:mariadb://127.0.0.1:{port}/{database}",
    default_user="admin",
)
_SQLSERVER = EngineFacts(
    family=Family.SQLSERVER,
    title="SQL Server",
    clients=("sqlcmd",),
    url_scheme="sqlserver",
    jdbc="jdbc:sqlserver://127.0.0.1:{port};databaseName={database}",
    default_database="master",
    default_user="admin",
)
_ORACLE = EngineFacts(
    family=Family.ORACLE,
    title="Oracle",
    clients=("sqlplus", "sql"),
    url_scheme="oracle",
    jdbc="jdbc:oracle:thin:@//127.0.0.1:{port}/{database}",
    default_database="ORCL",
    default_user="admin",
)
# IBM's `db2` connects only to what a catalogue on this machine names: there is a recipe to copy, nothing to start.
_DB2 = EngineFacts(
    family=Family.DB2,
    title="Db2",
    url_scheme="db2",
    jdbc="jdbc:db2://127.0.0.1:{port}/{database}",
    default_user="admin",
)
_DOCDB = EngineFacts(
    family=Family.DOCDB,
    title="DocumentDB",
    clients=("mongosh",),
    url_scheme="mongodb",
    jdbc="jdbc:documentdb://127.0.0.1:{port}/{database}",
    default_database="test",
)
_NEPTUNE = EngineFacts(family=Family.NEPTUNE, title="Neptune", url_scheme="wss")
_REDIS = EngineFacts(
    family=Family.REDIS,
    title="Redis OSS",
    clients=("redis-cli", "valkey-cli"),
    url_scheme="redis",
)
_VALKEY = replace(_REDIS, family=Family.VALKEY, title="Valkey", clients=("valkey-cli", "redis-cli"))
_MEMCACHED = EngineFacts(family=Family.MEMCACHED, title="Memcached")

# AWS's engine names have editions behind them (`sqlserver-ex`, `oracle-se2-cdb`); the first that fits is taken.
_BY_PREFIX = (
    ("aurora-postgresql", _POSTGRES),
    ("postgres", _POSTGRES),
    ("aurora", _MYSQL),
    ("mysql", _MYSQL),
    ("mariadb", _MARIADB),
    ("sqlserver", _SQLSERVER),
    ("custom-sqlserver", _SQLSERVER),
    ("oracle", _ORACLE),
    ("custom-oracle", _ORACLE),
    ("db2", _DB2),
    ("docdb", _DOCDB),
    ("neptune", _NEPTUNE),
    ("redis", _REDIS),
    ("valkey", _VALKEY),
    ("memcached", _MEMCACHED),
)


def engine_of(name: str) -> EngineFacts:
    """Return what is known of an engine by AWS's name for it (`Engine`, or `EngineFamily` of an RDS proxy).

    An engine that is not known is reached as plain TCP, without a client.
    """
    wanted = name.lower()
    for prefix, facts in _BY_PREFIX:
        if wanted.startswith(prefix):
            return replace(facts, title=f"Aurora {facts.title}") if wanted.startswith("aurora") else facts
    return EngineFacts(family=Family.TCP, title=name or "TCP")
