"""Open data: nobody can be found in it, neither by what others know nor by subtracting cells."""

from __future__ import annotations

import csv
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb
import pytest

from privacy_world import KEY, world
from tracer_etl.errors import StudyError
from tracer_etl.exports.public import publish, rotate
from tracer_etl.privacy.pdp_log import read_log
from tracer_etl.privacy.pseudonyms import Pseudonyms
from tracer_etl.privacy.texts import found_in, masked, masked_sql

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.study import Study

QUASI = ("programme", "sex", "age", "zone")
EXTRACT = {
    "name": "alumni",
    "table": "marts.person",
    "subject": "alumni_id",
    "quasi": list(QUASI),
    "columns": ["work", "pay"],
    "generalise": {"age": [{"band": 5}, {"band": 10}], "zone": [{"prefix": 1}]},
    "round": {"pay": 100000},
    "counts": [["programme", "sex"], ["zone"]],
}


def people(count: int = 350) -> list[tuple]:
    """Draw a registry: programmes of unequal size, so that some cells are small."""
    chance = random.Random(2026)
    programmes = ["barista"] * 80 + ["welding"] * 20 + ["sewing"] * 24 + ["audio"] * 2
    return [
        (f"A{n:07d}", chance.choice(programmes), chance.choice("12"), chance.randint(18, 42), f"z{n % 5}",
         chance.choice("01"), 1_500_000 + 12_345 * chance.randint(0, 99))
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setenv("TRACER_PSEUDONYM_KEY", KEY)
    found = replace(world(tmp_path), public=(EXTRACT,))
    found.published.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(found.published)) as connection:
        connection.execute("CREATE SCHEMA clean; CREATE SCHEMA marts; CREATE SCHEMA meta")
        connection.execute("CREATE TABLE meta.setting (name VARCHAR, value VARCHAR)")
        connection.execute("INSERT INTO meta.setting VALUES ('timezone', 'Asia/Jakarta')")
        connection.execute(
            "CREATE TABLE meta.column (table_name VARCHAR, column_name VARCHAR, privacy VARCHAR, kind VARCHAR)"
        )
        connection.execute(
            "CREATE TABLE marts.person (alumni_id VARCHAR, programme VARCHAR, sex VARCHAR, age BIGINT, zone VARCHAR, "
            "work VARCHAR, pay BIGINT, note VARCHAR)"
        )
        connection.executemany("INSERT INTO marts.person VALUES (?, ?, ?, ?, ?, ?, ?, 'fine')", people())
    return found


def published(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def fits(cell: str, value: str) -> bool:
    """Tell whether a person's value may stand behind a published one."""
    if cell in {"*", value}:
        return True
    low, dash, high = cell.partition("-")
    if dash and value.isdigit():
        return int(low) <= int(value) <= int(high)
    return cell.endswith("*") and value.startswith(cell[:-1])


def test_whoever_knows_the_registry_finds_nobody(study: Study, tmp_path: Path) -> None:
    [made] = publish(study, tmp_path / "open")
    rows = published(tmp_path / "open" / "alumni.csv")
    assert len(rows) == made.rows == 350
    assert made.smallest_class >= 5
    assert made.suppressed <= 0.15 * made.rows
    classes: dict[tuple[str, ...], int] = {}
    for row in rows:
        key = tuple(row[name] for name in QUASI)
        classes[key] = classes.get(key, 0) + 1
    assert min(classes.values()) >= 5
    # The attack: for each person of the registry, the rows that may be theirs.
    for _, *known, _work, _pay in people():
        may_be = sum(n for key, n in classes.items() if all(map(fits, key, map(str, known))))
        assert may_be >= 5
    text = (tmp_path / "open" / "alumni.csv").read_text()
    assert not [person for person, *_ in people() if person in text]
    assert {int(row["pay"]) % 100_000 for row in rows} == {0}


def test_names_cannot_be_made_without_the_key_and_are_the_same_with_it(study: Study, tmp_path: Path) -> None:
    publish(study, tmp_path / "a")
    publish(study, tmp_path / "b")
    assert (tmp_path / "a" / "alumni.csv").read_bytes() == (tmp_path / "b" / "alumni.csv").read_bytes()
    ids = {row["id"] for row in published(tmp_path / "a" / "alumni.csv")}
    assert ids == {Pseudonyms(KEY.encode()).of("person", person) for person, *_ in people()}
    assert not ids & {Pseudonyms(b"x" * 40).of("person", person) for person, *_ in people()}
    assert KEY not in study.pdp_log.read_text()
    assert KEY not in repr(Pseudonyms(KEY.encode()))


def test_hidden_cells_cannot_be_worked_out(study: Study, tmp_path: Path) -> None:
    """Bound every hidden cell by all published ones, each known to within its rounding."""
    from scipy.optimize import linprog

    publish(study, tmp_path)
    cells = {(r["table"], r["cell"]): r["people"] for r in published(tmp_path / "alumni.counts.csv")}
    inner = [cell for table, cell in cells if table == "programme x sex"]
    hidden = [cell for cell in inner if cells["programme x sex", cell] == ""]
    assert len(hidden) >= 2
    rows, limits = [], []
    sums = {
        (t, c): [i for i in inner if t == "all" or c in i.split(" | ")]
        for t, c in cells
        if t not in ("programme x sex", "zone")
    }
    sums |= {("programme x sex", i): [i] for i in inner}
    for place, parts in sums.items():
        if cells[place]:
            shown = int(cells[place])
            for sign in (1, -1):
                rows.append([sign * (i in parts) for i in inner])
                limits.append(sign * shown + 2.5)
    for cell in hidden:
        aim = [float(i == cell) for i in inner]
        low, high = (
            sign * linprog([sign * a for a in aim], A_ub=rows, b_ub=limits, bounds=(0, None)).fun
            for sign in (1, -1)
        )
        assert high - low >= 4, (cell, low, high)
    assert all(int(n) % 5 == 0 for n in cells.values() if n)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": ["alumni_id"]}, "may not go out"),
        ({"columns": ["note2"]}, "has no note2"),
        ({"columns": ["note"]}, "holds TEL"),
        ({"k": 400}, "fewer than 400 people"),
        ({"generalise": {"age": ["wider"]}}, "no step"),
        ({"colour": "red"}, "wrong keys"),
        ({"count_round": 0}, "count_round"),
        ({"suppress": 1.5}, "suppress"),
        ({"round": {"height": 5}}, "not among its columns: height"),
    ],
)
def test_what_may_not_go_out_is_refused(study: Study, tmp_path: Path, change: dict, said: str) -> None:
    with duckdb.connect(str(study.published)) as connection:
        connection.execute("UPDATE marts.person SET note = 'ring 081234567890' WHERE alumni_id = 'A0000003'")
    with pytest.raises(StudyError, match=said):
        publish(replace(study, public=({**EXTRACT, "round": {}, **change},)), tmp_path / "open")
    assert not list((tmp_path / "open").glob("*.csv"))


def test_an_answer_nobody_gave_goes_out_as_an_empty_cell(study: Study, tmp_path: Path) -> None:
    with duckdb.connect(str(study.published)) as connection:
        connection.execute("ALTER TABLE marts.person ADD COLUMN happy BOOLEAN")
        connection.execute("UPDATE marts.person SET happy = true WHERE alumni_id < 'A0000100'")
        connection.execute("UPDATE marts.person SET age = NULL, pay = NULL WHERE alumni_id < 'A0000030'")
    publish(replace(study, public=({**EXTRACT, "columns": ["pay", "happy"]},)), tmp_path)
    rows = published(tmp_path / "alumni.csv")
    assert sum(row["pay"] == "" for row in rows) == 30
    assert {row["happy"] for row in rows} == {"", "True"}


def test_free_text_needs_a_reader(study: Study, tmp_path: Path) -> None:
    with duckdb.connect(str(study.published)) as connection:
        connection.execute("UPDATE marts.person SET note = 'I liked ' || alumni_id")
    wanted = {**EXTRACT, "columns": ["note"], "round": {}}
    with pytest.raises(StudyError, match="free text"):
        publish(replace(study, public=(wanted,)), tmp_path / "open")
    publish(replace(study, public=({**wanted, "reviewed": ["note"]},)), tmp_path / "open")


def test_no_key_no_extract_and_a_new_key_is_said(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(study, tmp_path / "open")
    monkeypatch.setenv("TRACER_PSEUDONYM_KEY", "n" * 40)
    with pytest.raises(StudyError, match="not that of the last extract"):
        publish(study, tmp_path / "open")
    monkeypatch.setenv("TRACER_PSEUDONYM_KEY_OLD", KEY)
    assert rotate(study, tmp_path / "bridge.csv") == 350
    assert (tmp_path / "bridge.csv").stat().st_mode & 0o077 == 0
    pairs = {row["old"]: row["new"] for row in published(tmp_path / "bridge.csv")}
    old = {row["id"] for row in published(tmp_path / "open" / "alumni.csv")}
    publish(study, tmp_path / "open")
    assert {pairs[one] for one in old} == {row["id"] for row in published(tmp_path / "open" / "alumni.csv")}
    assert [e.event for e in read_log(study.pdp_log)] == ["public extract", "key rotated", "public extract"]
    for short in ("", "short"):
        monkeypatch.setenv("TRACER_PSEUDONYM_KEY", short)
        with pytest.raises(StudyError, match="TRACER_PSEUDONYM_KEY"):
            publish(study, tmp_path / "open")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("NIK 3505104704990001", ("NIK",)),
        ("ring +62 812-3456-7890, or 081234567890 081234567891", ("TEL",)),
        ("sri.rahayu@example.co.id", ("EMAIL",)),
        ("2026-02-01T08:12:00+07:00, Rp 2.500.000, A1029495, 1234567890123456789", ()),
        ("3505109904990001", ()),  # no such day
    ],
)
def test_numbers_of_people_in_free_text(text: str, kinds: tuple[str, ...]) -> None:
    assert found_in(text) == kinds
    assert found_in(masked(text)) == ()
    [(sql,)] = duckdb.execute(f"SELECT {masked_sql('$1')}", [text]).fetchall()
    assert sql == masked(text)
