"""The report's annex: every published number, its definition, and the plan, as a workbook without macros or formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    Sheet = tuple[str, Sequence[Sequence[object]]]

_ESTIMATE = (
    "select e.indicator, i.name_id, i.name_en, e.group_by, e.level, {numbers} "
    "from marts.estimate e left join marts.indicator i on i.indicator = e.indicator "
    "order by e.indicator, e.group_by, e.level"
)
_NUMBERS = (
    *("unit", "estimate", "se", "low", "high", "cohort_low", "cohort_high", "n", "imputed", "n_eff", "deff"),
    *("weighted_total", "unweighted", "suppressed", "note"),
)
_TABLES = {
    "definisi_definitions": ("indicator", ""),
    "waktu_tunggu_waiting": ("time_to_job", "order by group_by, level, months"),
    "kerangka_margins": ("weight_margin", "order by margin, cell"),
    "pembanding_contrasts": ("contrast", "order by design, outcome"),
}
"""Sheet -> mart and its order; definitions stand as in the specification."""
_PLAN = {
    "rencana_plan": "select * from marts.plan_programme order by place, programme",
    "kriteria_criteria": "select * from marts.plan_value order by programme, criterion",
    "paket_sets": "select * from marts.plan_portfolio order by place",
    "pengaturan_settings": "select * from marts.plan_setting",
}
COLUMNS = (
    ("low, high", "kisaran 95% untuk program pada umumnya", "95% interval for the programme in general"),
    (
        "cohort_low, cohort_high",
        "kisaran 95% untuk tepat orang-orang ini",
        "95% interval for exactly these people",
    ),
    (
        "n, n_eff",
        "orang di balik angka; n efektif setelah pembobotan",
        "people behind the number; effective n after weighting",
    ),
    (
        "imputed",
        "orang di luar n yang tidak menyebut penghasilan, diimputasi (E1)",
        "people beside n who told no earnings and are imputed (E1)",
    ),
    (
        "deff",
        "efek rancangan angka itu sendiri; kisarannya Wilson atas n / deff",
        "design effect of the number itself; its range is Wilson's on n / deff",
    ),
    ("weighted_total", "orang dalam kerangka yang diwakili", "persons of the frame the number speaks for"),
    ("unweighted", "angka tanpa bobot, untuk perbandingan", "the number without weights, to compare"),
    ("suppressed, note", "disembunyikan atau tidak, dan sebabnya", "whether it is hidden, and why"),
)


def write_annex(published: Path, file: Path, title: Mapping[str, str]) -> bool:
    """Write the workbook from the published copy; tell whether there were estimates to write.

    One sheet says what it is, one has a row per indicator, group and level, one the definitions; the plan follows where
    there is one. Hidden numbers are empty there as everywhere.

    Raises:
        WarehouseError: the copy cannot be read, or holds what identifies a person.
    """
    from tracer_etl.exports.bps import sheets as metadata
    from tracer_etl.exports.published import Published
    from tracer_etl.exports.workbook import write_sheets

    with Published(published) as copy:
        connection = copy.connection
        if not _has(connection, "estimate"):
            file.unlink(missing_ok=True)
            return False
        file.parent.mkdir(parents=True, exist_ok=True)
        write_sheets(file, [_about(title), *_sheets(connection), *metadata(copy, title)])
    return True


def _about(title: Mapping[str, str]) -> Sheet:
    names = [(language, text) for language, text in title.items()]
    hint = ("id", "Angka yang disembunyikan kosong; definisi ada di lembar berikutnya.")
    english = ("en", "Hidden numbers are empty; definitions are in a sheet of their own.")
    explained = [(column, f"{indonesian} / {english}") for column, indonesian, english in COLUMNS]
    return "baca_read", [("", ""), *names, hint, english, *explained]


def _sheets(connection: DuckDBPyConnection) -> Iterator[Sheet]:
    # After an upgrade the copy lacks what only the next run makes.
    kept = [f"e.{name}" for name in _NUMBERS if name in _columns(connection, "estimate")]
    yield "angka_numbers", _rows(connection, _ESTIMATE.format(numbers=", ".join(kept)))
    for name, (table, order) in _TABLES.items():
        if _has(connection, table):
            yield name, _rows(connection, f"select * from marts.{table} {order}")
    if _has(connection, "plan_programme"):
        for name, sql in _PLAN.items():
            yield name, _rows(connection, sql)


def _rows(connection: DuckDBPyConnection, sql: str) -> Sequence[Sequence[object]]:
    cursor = connection.execute(sql)
    heading = [column[0] for column in cursor.description or ()]
    return [heading, *cursor.fetchall()]


def _has(connection: DuckDBPyConnection, table: str) -> bool:
    return bool(_columns(connection, table))


def _columns(connection: DuckDBPyConnection, table: str) -> set[str]:
    sql = "select column_name from information_schema.columns where table_schema = 'marts' and table_name = ?"
    return {name for [name] in connection.execute(sql, [table]).fetchall()}
