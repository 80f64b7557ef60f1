"""The ledger's tables, of which the database itself refuses every update and deletion.

Moments are texts (`schemas.plain.time_text`), so that a row reads the same in every database and in an export.
"""

from sqlalchemy import DDL, JSON, CheckConstraint, Column, ForeignKey, Integer, MetaData, Table, Text, event

METADATA = MetaData()

CORRECTIONS = Table(
    "corrections",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("time", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("video_id", Text, nullable=False, index=True),
    Column("content", Text, nullable=False),
    Column("topic_id", Integer, nullable=False),
    Column("topic_name", Text, nullable=False),
    Column("topic_words", JSON, nullable=False),
    Column("caption_before", Text, nullable=False),
    Column("model_before", Text, nullable=False),
)

# A correction's state is that of its event with the highest number. Two writers cannot both write the next one.
EVENTS = Table(
    "correction_events",
    METADATA,
    Column("correction_id", Text, ForeignKey("corrections.id"), primary_key=True),
    Column("number", Integer, CheckConstraint("number > 0"), primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("time", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("caption", Text),
    Column("version", Text, ForeignKey("versions.version", deferrable=True, initially="DEFERRED")),
)

VERSIONS = Table(
    "versions",
    METADATA,
    Column("version", Text, primary_key=True),
    Column("parent", Text, ForeignKey("versions.version", deferrable=True, initially="DEFERRED")),
    Column("time", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("settings", JSON, nullable=False),
)

VERSION_CORRECTIONS = Table(
    "version_corrections",
    METADATA,
    Column("version", Text, ForeignKey("versions.version"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("correction_id", Text, ForeignKey("corrections.id"), nullable=False),
)

SERVINGS = Table(
    "servings",
    METADATA,
    Column("number", Integer, CheckConstraint("number > 0"), primary_key=True, autoincrement=False),
    Column("version", Text, ForeignKey("versions.version"), nullable=False),
    Column("time", Text, nullable=False),
    Column("by", Text, nullable=False),
)

_REFUSAL = "the ledger is append-only"


def _refuse_changes(table: Table) -> None:
    """Adds the triggers that refuse an UPDATE or DELETE (and PostgreSQL's TRUNCATE) of a table's rows."""
    for change in ("UPDATE", "DELETE"):
        name = f"{table.name}_no_{change.lower()}"
        body = f"BEFORE {change} ON {table.name} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        event.listen(table, "after_create", DDL(f"CREATE TRIGGER {name} {body}").execute_if(dialect="sqlite"))
    body = f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} EXECUTE FUNCTION ledger_refuses_change()"
    trigger = DDL(f"CREATE TRIGGER {table.name}_append_only {body}")
    event.listen(table, "after_create", trigger.execute_if(dialect="postgresql"))


_FUNCTION = DDL(
    "CREATE OR REPLACE FUNCTION ledger_refuses_change() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
)
event.listen(METADATA, "before_create", _FUNCTION.execute_if(dialect="postgresql"))
for _table in METADATA.sorted_tables:
    _refuse_changes(_table)
