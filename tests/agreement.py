"""The compiled logic beside JavaRosa's own verdicts, on answers right and wrong.

JavaRosa fills a form with random answers, also such as it would refuse, and says of every node whether it is
relevant, required, keeps its constraint and which choices its filter leaves; what it computed and how many
instances it made stands in the submission. All submissions of a form are built in one go, and one query per
table says the same from SQL.

`python tests/agreement.py [instances per form]` goes through the study's forms and the corpus, and prints how
many verdicts were compared and every one that differs.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from random_forms import TIMEZONE, Handed
from tracer_etl.collect import Clock, Filler, Identifiers, RandomAnswers
from tracer_etl.errors import FormError
from tracer_etl.form import read_form
from tracer_etl.landing import Landing
from tracer_etl.logic import (
    NotEvaluated,
    Scope,
    Statement,
    agrees,
    condition,
    create_lists,
    offered,
    repeat_count,
    row_source,
    statements,
    text,
)
from tracer_etl.logic.parser import parse
from tracer_etl.logic.syntax import Binary, Call, CannotCompile, Literal, parts
from tracer_etl.logic.syntax import Path as XPath
from tracer_etl.names import literal, quote
from tracer_etl.schema import Schema, Table, schema_of
from tracer_etl.servers.openrosa import received
from tracer_etl.tables import build

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.collect import Judged, Node, Question
    from tracer_etl.logic.syntax import Node as Tree
    from tracer_etl.questions import Form, NodePath

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / ".." / "shared" / "corpus"
TRIVIAL = frozenset({"true()", "false()", "true", "false"})
"""Required or not whatever is answered: no evaluation worth counting."""
TEXTS = (
    "Siti Aminah", "081234567890", "1234", "3505014101900001", "a & b < c", "ñandú", "", "12.5", "-3", "0", "1", "yes",
    "budi@example.org", "2024-02-29", "10:30", "1 2", "ABC", "+6281234567890", "x" * 60,
)  # fmt: skip


DOORS = {"contact_result": "01", "consent": "1", "respondent_type": "1", "em_consent": "1", "y_consent": "1"}
"""At random, one call in thirty gets past these questions of the study's forms."""


FIRST_STAYS = (
    "JavaRosa keeps the first instance a form comes with though the count says 0; pyxform writes none beside a "
    "count, except in a repeat inside a repeat"
)


# -- forms


def study_forms() -> dict[str, Path]:
    """Name the study's own forms."""
    return {path.stem: path for path in sorted((ROOT / "forms").glob("*.xlsx"))}


def corpus_forms() -> dict[str, Path]:
    """Name the valid forms of the corpus, if it is there."""
    manifest = CORPUS / "manifest.json"
    entries = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else []
    return {entry["file"]: CORPUS / entry["file"] for entry in entries if entry["valid"]}


def shares(forms: Mapping[str, Path]) -> tuple[Counter[str], Counter[str]]:
    """Count the expressions of forms by kind: all, and those compiled."""
    written: Counter[str] = Counter()
    compiled: Counter[str] = Counter()
    for path in forms.values():
        form = read_form(path, ROOT / "forms" / "media" if path.parent == ROOT / "forms" else path.parent)
        schema = schema_of([form])
        for statement in statements(form):
            written[statement.kind] += 1
            compiled[statement.kind] += isinstance(compile_one(statement, schema), str)
    return written, compiled


def compile_one(statement: Statement, schema: Schema) -> str | NotEvaluated:
    """Compile one statement of the newest version as the checks do."""
    form = schema.newest
    table = next(one for one in schema.tables if one.path == form.repeat_of(statement.place))
    scope = Scope(schema, form, statement.path, row_source(schema, table)[1])
    match statement.kind:
        case "choice_filter":
            return offered(statement.expression, scope, statement.list_name)
        case "repeat_count":
            return repeat_count(statement.expression, scope)
        case "calculate":
            return text(statement.expression, scope)
        case _:
            return condition(statement.expression, scope)


# -- answers


@dataclass
class Careless(RandomAnswers):
    """Answers near what the form's expressions compare with, and now and then anything."""

    constants: Sequence[str] = ()
    listed: Mapping[NodePath, Sequence[str]] = field(default_factory=dict)
    wanted: Mapping[str, set[str]] = field(default_factory=dict)
    small: frozenset[str] = frozenset()

    def __call__(self, question: Question) -> object:
        """Give any answer the widget can hold."""
        if question.name in DOORS and self.rng.random() < 0.85:
            return DOORS[question.name]
        if self.rng.random() < self.skip:
            return None
        if question.kind in ("select_one", "select_multiple"):
            return self._any_choice(question)
        if question.kind in ("integer", "decimal", "long", "text") and self.rng.random() < 0.7:
            return self._few() if question.name in self.small else self._near(question.kind)
        if question.name in self.small:
            return self._few()
        return super().__call__(question)

    def _few(self) -> int:
        """Keep what a repeat counts by small: instances cost time."""
        return self.rng.randint(0, 3)

    def _any_choice(self, question: Question) -> object:
        path = tuple(re.sub(r"\[\d+\]", "", question.path).strip("/").split("/")[1:])
        choices = list(self.listed.get(path, ())) if self.rng.random() < 0.1 else question.choices
        if self.rng.random() < 0.6:
            choices = [one for one in choices if one in self.wanted.get(question.name, ())] or choices
        if not choices:
            return None
        most = 1 if question.kind == "select_one" else min(3, len(choices))
        return " ".join(self.rng.sample(choices, self.rng.randint(1, most)))

    def _near(self, kind: str) -> object:
        if kind == "text":
            return self.rng.choice([*TEXTS, *self.constants])
        numbers = [float(one) for one in self.constants if re.fullmatch(r"-?\d{1,9}(\.\d+)?", one)] or [0.0]
        number = self.rng.choice(numbers) + self.rng.choice([-1, 0, 0, 0, 1, 0.5])
        return number if kind == "decimal" else int(number)


def constants(form: Form) -> list[str]:
    """Gather what the expressions of a form compare with."""
    found: dict[str, None] = {}
    for statement in statements(form):
        try:
            found |= dict.fromkeys(_literals(parse(statement.expression)))
        except CannotCompile:
            continue
    return [one for one in found if len(one) < 40]


def wanted(form: Form) -> dict[str, set[str]]:
    """Gather by question what a condition wants it to be, so that chance opens doors."""
    found: dict[str, set[str]] = {}
    for statement in statements(form):
        try:
            nodes = list(parts(parse(statement.expression)))
        except CannotCompile:
            continue
        for node in nodes:
            match node:
                case Binary("=", XPath(_, steps), Literal(value)) | Call(
                    "selected", (XPath(_, steps), Literal(value))
                ):
                    found.setdefault(steps[-1].name, set()).add(str(value))
    return found


def counted_by(form: Form) -> frozenset[str]:
    """Name the questions the number of instances of a repeat depends on, through calculations too."""
    formulas = {s.path[-1]: s.expression for s in statements(form) if s.kind == "calculate"}
    waiting = [s.expression for s in statements(form) if s.kind == "repeat_count"]
    found: set[str] = set()
    while waiting:
        named = {p.steps[-1].name for p in parts(parse(waiting.pop())) if isinstance(p, XPath)} - found
        found |= named
        waiting += [formulas[name] for name in named if name in formulas]
    return frozenset(found)


def _literals(node: Tree) -> Iterator[str]:
    for one in parts(node):
        if isinstance(one, Literal):
            yield one.value if isinstance(one.value, str) else f"{one.value:.15g}"


# -- JavaRosa's side


def filled_at(number: int) -> datetime:
    """Say when an instance is filled, and at the same moment sent: at all hours of the day."""
    return datetime(2026, 1, 10, 2, 0, tzinfo=UTC) + timedelta(hours=7 * number)


def judged(form: Form, media: Path, instances: int, seed: int = 0) -> list[Judged]:
    """Let JavaRosa fill and judge a form so many times."""
    filler = Filler(form.xform.encode(), media, name=form.form_id, time_zone=TIMEZONE)
    asked, doors, few = constants(form), wanted(form), counted_by(form)
    listed = {q.path: form.lists[q.list_name].values() for q in form.questions if q.list_name in form.lists}
    made = []
    for number in range(instances):
        rng = random.Random(f"{form.form_id} {seed} {number}")
        answers = Careless(rng, skip=rng.choice([0.02, 0.1, 0.3]), most=2, constants=asked, listed=listed)
        answers.wanted, answers.small = doors, few
        made.append(
            filler.judge(answers, clock=Clock(filled_at(number)), identifiers=Identifiers(f"{seed} {number}"))
        )
    return made


# -- ours


@dataclass
class Difference:
    """One verdict that is not the same."""

    kind: str
    expression: str
    where: str
    javarosa: Any
    ours: Any


@dataclass
class Tally:
    """What was compared: verdicts by kind, those left undecided, expressions nobody evaluated."""

    compared: Counter[str] = field(default_factory=Counter)
    undecided: Counter[str] = field(default_factory=Counter)
    positive: Counter[str] = field(default_factory=Counter)
    not_evaluated: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    def __iadd__(self, other: Tally) -> Tally:
        """Add another tally."""
        for name in ("compared", "undecided", "positive", "not_evaluated", "explained"):
            getattr(self, name).update(getattr(other, name))
        self.differences += other.differences
        return self

    def add(self, statement: Statement, where: str, javarosa: Any, ours: Any) -> None:
        """Compare one verdict."""
        if ours is None:
            self.undecided[statement.kind] += 1
            return
        self.compared[statement.kind] += 1
        self.positive[statement.kind] += bool(javarosa)
        if (statement.kind, ours) == ("repeat_count", "1 for 0"):
            self.explained[FIRST_STAYS] += 1
        elif javarosa != ours:
            self.differences.append(Difference(statement.kind, statement.expression, where, javarosa, ours))


class Ours:
    """The staged tables of a form, and what its expressions say of every row."""

    def __init__(self, schema: Schema, folder: Path, tally: Tally) -> None:
        """Open the tables and evaluate everything."""
        self.schema, self.form, self.tally = schema, schema.newest, tally
        self.connection = duckdb.connect()
        self.connection.execute(f"SET TimeZone = {literal(TIMEZONE)}")
        for table in schema.tables:
            path = literal(str(folder / f"{table.name}.parquet"))
            self.connection.execute(f"CREATE TABLE {quote(table.name)} AS FROM read_parquet({path})")
        create_lists(self.connection, schema)
        self.values: dict[tuple[Statement, str], Any] = {}
        self.rows: set[str] = set()
        for table in schema.tables:
            self._evaluate(table)
        self.connection.close()

    def _evaluate(self, table: Table) -> None:
        clause, aliases = row_source(self.schema, table)
        compiled: dict[Statement, str] = {}
        for statement in statements(self.form):
            if self.form.repeat_of(statement.place) != table.path or statement.expression in TRIVIAL:
                continue
            sql = self._compiled(statement, table, aliases)
            if isinstance(sql, NotEvaluated):
                self.tally.not_evaluated[f"{sql.reason} [{sql.expression}]"] += 1
            else:
                compiled[statement] = sql
        key = f"{aliases[table.name]}.{table.row_key}"
        self.rows |= {row_id for (row_id,) in self.connection.execute(f"SELECT {key} {clause}").fetchall()}
        listed = list(compiled.items())
        # DuckDB plans twenty look-ups in no time and a hundred in minutes.
        for start in range(0, len(listed), 20):
            self._run(table, f"{key} AS a_row", clause, listed[start : start + 20])

    def _run(self, table: Table, key: str, clause: str, listed: list[tuple[Statement, str]]) -> None:
        cells = [self._cell(statement, table) for statement, _ in listed]
        terms = ", ".join(f"{sql} AS t{n}, {cells[n]} AS c{n}" for n, (_, sql) in enumerate(listed))
        verdicts = ", ".join(self._verdict(s, table, f"t{n}", f"c{n}") for n, (s, _) in enumerate(listed))
        query = f"SELECT a_row, {verdicts} FROM (SELECT {key}, {terms} {clause})"
        for row_id, *values in self.connection.execute(query).fetchall():
            self.values |= {(s, row_id): value for (s, _), value in zip(listed, values, strict=True)}

    def _compiled(self, statement: Statement, table: Table, aliases: dict[str, str]) -> str | NotEvaluated:
        scope = Scope(self.schema, self.form, statement.path, aliases)
        match statement.kind:
            case "choice_filter":
                sql = offered(statement.expression, scope, statement.list_name)
                return (
                    sql
                    if isinstance(sql, NotEvaluated)
                    else f"coalesce((SELECT list(name) FROM ({sql})), [])"
                )
            case "repeat_count":
                sql = repeat_count(statement.expression, scope)
                child = next(one for one in self.schema.tables if one.path == statement.path)
                own = f"{aliases[table.name]}.{table.row_key}"
                made = f"(SELECT count(*) FROM {quote(child.name)} c WHERE c._parent_row_id = {own})"
                return sql if isinstance(sql, NotEvaluated) else _counted(sql, made)
            case "calculate":
                column, question = table.column_at(statement.path), self.form.question(statement.path)
                if question is not None and question.labels and not question.bind.readonly:
                    return NotEvaluated(statement.expression, "the enumerator may write over it")
                if column is None or not agrees("", column, ""):
                    return NotEvaluated(statement.expression, "a computed value of this type is not compared")
                return text(statement.expression, scope)
            case _:
                return condition(statement.expression, scope)

    def _cell(self, statement: Statement, table: Table) -> str:
        column = table.column_at(statement.path) if statement.kind == "calculate" else None
        _, aliases = row_source(self.schema, table)
        return f"{aliases[table.name]}.{quote(column.name)}" if column else "NULL"

    @staticmethod
    def _verdict(statement: Statement, table: Table, term: str, cell: str) -> str:
        column = table.column_at(statement.path)
        if statement.kind != "calculate" or column is None:
            return term
        return f"CASE WHEN {agrees(term, column, cell)} THEN 'same' ELSE {term} END"


def _counted(wanted: str, made: str) -> str:
    return f"CASE WHEN {wanted} = {made} THEN 'same' ELSE {made} || ' for ' || {wanted} END"


class Comparison:
    """One form, JavaRosa's verdicts and ours."""

    def __init__(self, form: Form, verdicts: Sequence[Judged], folder: Path) -> None:
        """Build all submissions and evaluate them in one go."""
        self.form, self.verdicts, self.tally = form, verdicts, Tally()
        sent = [received(one.xml, where="test", fallback_key="none") for one in verdicts]
        handed = [replace(one, submitted_at=filled_at(n).isoformat()) for n, one in enumerate(sent)]
        self.keys = [one.key for one in handed]
        assert len(set(self.keys)) == len(self.keys), "two submissions share a key"
        landing = Landing(folder / "landing", form.form_id)
        landing.land(Handed(handed), "2026-01-05T00:00:00+00:00")
        schema = schema_of([form])
        build(landing.segments(), schema, folder / "built", TIMEZONE)
        self.ours = Ours(schema, folder / "built", self.tally)

    def run(self) -> Tally:
        """Compare every verdict."""
        for key, one in zip(self.keys, self.verdicts, strict=True):
            for node in one.nodes:
                self._node(key, node)
            self._counts(key, one)
        return self.tally

    @cached_property
    def _by_path(self) -> dict[NodePath, dict[str, Statement]]:
        found: dict[NodePath, dict[str, Statement]] = {}
        for statement in statements(self.form):
            if statement.expression not in TRIVIAL:
                found.setdefault(statement.path, {})[statement.kind] = statement
        return found

    def _node(self, key: str, node: Node) -> None:
        row, where = key + node.row, f"{self.form.form_id} {key}{node.row} {'/'.join(node.path)}"
        own = self._by_path.get(node.path, {})
        self._relevant(row, where, node)
        if not node.relevant:
            return
        if "required" in own:
            self._add(own["required"], row, where, node.required)
        if "constraint" in own and node.constraint is not None:
            self._add(own["constraint"], row, where, node.constraint)
        if "calculate" in own:
            self._add(own["calculate"], row, where, "same")
        if "choice_filter" in own and node.offered is not None:
            self._add(own["choice_filter"], row, where, node.offered)

    def _add(self, statement: Statement, row: str, where: str, javarosa: Any) -> None:
        if (statement, row) in self.ours.values:
            ours = self.ours.values[statement, row]
            self.tally.add(statement, where, javarosa, frozenset(ours) if isinstance(ours, list) else ours)
        elif row not in self.ours.rows:
            self.tally.differences.append(Difference("row", "", where, "a row", "no row"))

    def _relevant(self, row: str, where: str, node: Node) -> None:
        chain = [
            self._by_path[node.path[:length]]["relevant"]
            for length in range(1, len(node.path) + 1)
            if "relevant" in self._by_path.get(node.path[:length], {})
        ]
        if not chain or any(
            (statement, self._row_of(row, statement)) not in self.ours.values for statement in chain
        ):
            return
        ours = [self.ours.values[statement, self._row_of(row, statement)] for statement in chain]
        whole = Statement("relevant", " and ".join(f"({s.expression})" for s in chain), node.path)
        self.tally.add(whole, where, node.relevant, None if None in ours and False not in ours else all(ours))

    def _row_of(self, row: str, statement: Statement) -> str:
        """Name the row above that an outer group is judged in."""
        depth = len([r for r in self.form.repeats if statement.place[: len(r)] == r])
        parts = re.split(r"(?<=\])(?=/)", row)
        key, first, rest = row.partition("/")
        parts = re.findall(r"/[^\[]+\[\d+\]", first + rest)
        return key + "".join(parts[:depth])

    def _counts(self, key: str, one: Judged) -> None:
        for path, own in self._by_path.items():
            if "repeat_count" in own:
                statement = own["repeat_count"]
                for row in [r for r in self.ours.rows if r.split("/")[0] == key]:
                    relevant = [n for n in one.nodes if n.path[: len(path)] == path and n.relevant]
                    if (statement, row) in self.ours.values and relevant:
                        self.tally.add(
                            statement, f"{self.form.form_id} {row}", "same", self.ours.values[statement, row]
                        )


def compare(source: Path, media: Path, instances: int, seed: int = 0) -> Tally:
    """Compare all verdicts on so many random instances of a form."""
    form = read_form(source, media)
    with tempfile.TemporaryDirectory() as folder:
        return Comparison(form, judged(form, media, instances, seed), Path(folder)).run()


def main(instances: int, only: str = "") -> int:
    """Go through all forms, the study's fifteen times as often; print what was compared."""
    total, began = Tally(), time.perf_counter()
    failed = []
    for name, path in {**study_forms(), **corpus_forms()}.items():
        if only and only not in name:
            continue
        media = ROOT / "forms" / "media" if path.parent == ROOT / "forms" else path.parent
        start = time.perf_counter()
        try:
            tally = compare(path, media, instances * (15 if path.parent == ROOT / "forms" else 1))
        except FormError as error:
            failed.append(f"{name}: {error}")
            continue
        total += tally
        print(
            f"{time.perf_counter() - start:6.1f} s {sum(tally.compared.values()):7,} {len(tally.differences):5} {name}"
        )
        for one in tally.differences[:8]:
            print("   ", one)
    print(f"compared {sum(total.compared.values()):,} {dict(total.compared)}")
    print(f"true of these {dict(total.positive)}")
    for reason, times in total.explained.items():
        print(f"explained {times}: {reason}")
    print(f"undecided {dict(total.undecided)}; not evaluated {len(total.not_evaluated)}")
    for reason, times in total.not_evaluated.most_common(30):
        print("   ", times, reason)
    for one in failed:
        print("engine failed:", one)
    print(f"disagreements {len(total.differences)} in {time.perf_counter() - began:.0f} s")
    return 1 if total.differences else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, *sys.argv[2:]))
