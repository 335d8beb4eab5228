"""The order of the stages, and nothing else: each stage is a function here, `refresh` runs them all."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from tracer_etl import batches
from tracer_etl.corrections.log import corrections_of, read_corrections
from tracer_etl.corrections.standing import Standing, note_unlanded, remarks, standings
from tracer_etl.errors import Partial, ServerError, StudyError
from tracer_etl.evidence.coding.coder import codes_file
from tracer_etl.evidence.coding.titles import MAP
from tracer_etl.evidence.computed import office_files
from tracer_etl.landing import Landed as Pulled
from tracer_etl.landing import Landing
from tracer_etl.oversight.edits import checks_of_edits
from tracer_etl.oversight.identifiers import checks_of_withdrawn
from tracer_etl.oversight.judging import judge, judged_before, overseen, stop_if_failed
from tracer_etl.oversight.registry import builtin
from tracer_etl.oversight.rules import Stage, read_rules, rule_files
from tracer_etl.oversight.stored_files import checks_of_files
from tracer_etl.privacy import erasing, pdp_log
from tracer_etl.privacy.withdrawal import references, withdrawn
from tracer_etl.quarantine import settling
from tracer_etl.quarantine.decisions import read_decisions
from tracer_etl.records import EntitySource, silent
from tracer_etl.report import DATA_DOCS
from tracer_etl.running import one_at_a_time
from tracer_etl.servers import connecting
from tracer_etl.shared_landing import mirror
from tracer_etl.shelf import write_atomically
from tracer_etl.status import status as status  # noqa: PLC0414 - flows call it here, by name
from tracer_etl.warehouse import open_warehouse, reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.oversight.registry import Check
    from tracer_etl.privacy.erasing import Erasure
    from tracer_etl.privacy.pdp_log import Entry
    from tracer_etl.privacy.withdrawal import Withdrawn
    from tracer_etl.quarantine.decisions import Decision
    from tracer_etl.records import Progress, Source, Verdict
    from tracer_etl.servers import Options
    from tracer_etl.study import Reference, Study
    from tracer_etl.warehouse.contract import Loaded, Warehouse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Built:
    """What was typed of one form in this run: submissions and problems of all its pending batches."""

    form_id: str
    submissions: int
    problems: int


@dataclass(frozen=True, slots=True)
class Run:
    """What one refresh came to: the warehouse's totals per form and where the results are."""

    forms: tuple[Loaded, ...]
    remarks: tuple[str, ...]
    report: Path
    published: Path
    changed: bool


def pull(
    study: Study,
    forms: Sequence[str] = (),
    progress: Progress = silent,
    *,
    options: Options | None = None,
    sweep: bool = False,
) -> list[Pulled]:
    """Land what is new of each form; `sweep` compares every submission, whatever the server says changed.

    Raises:
        ServerError: the server refuses or fails, or a pull is incomplete; what came is kept.
        Partial: that was so of some forms, and the others came.
        LandingError: a pull is of another server than what is landed, or another pull is at work.
    """
    source, landed, failed = connecting.source(study, options), [], list[ServerError]()
    for form in study.chosen(forms):
        landing = Landing(study.landing, form.form_id)
        try:
            found = source.pull(form.form_id, landing, sweep=sweep)
            landed.append(landing.land(found, datetime.now(UTC).isoformat(timespec="seconds"), progress))
        except ServerError as error:
            if error.retry:
                raise
            failed.append(error)
    lists = [_pull_list(source, one) for one in study.references if one.entity_list]
    if failed and landed:
        raise Partial.of(failed)
    if failed:
        raise failed[0]
    return [*landed, *lists]


def _pull_list(source: Source, reference: Reference) -> Pulled:
    """Fetch an entity list whole when it changed; its ETag and count lie beside it."""
    if not isinstance(source, EntitySource):
        what = f"reference {reference.name} is an entity list, and this server has none"
        raise StudyError(what, where="study.toml", remedy="give it a `file`, or use ODK Central")
    mark = reference.file.with_suffix(".etag")
    there = mark.exists() and reference.file.exists()
    known, count = mark.read_text(encoding="utf-8").splitlines() if there else ("", "0")
    found = source.entity_list(reference.entity_list, known)
    if found is None:
        return Pulled(reference.name, 0, int(count), ())
    reference.file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(reference.file, found.content)
    write_atomically(mark, f"{found.etag}\n{found.count}".encode())
    return Pulled(reference.name, found.count, found.count, found.remarks)


@one_at_a_time
def build(study: Study, forms: Sequence[str] = (), progress: Progress = silent) -> list[Built]:
    """Type every landed segment the warehouse has not, or made by another recipe, and replay the corrections.

    Raises:
        StudyError: the log of corrections is malformed, or contradicts the form.
    """
    from tracer_etl import tables

    built, corrected_by, out = [], read_corrections(study), withdrawn(study)
    for form in study.chosen(forms):
        schema, recipe, pending = batches.pending(study, form, corrected_by, out)
        corrections = corrections_of(corrected_by, schema)
        shutil.rmtree(study.staging / form.form_id, ignore_errors=True)
        done = [tables.Built(form.form_id, study.staging, 0, 0)]
        for segments in progress(pending, f"build {form.form_id}"):
            folder = study.staging / form.form_id / (segments[0].name if segments else "none")
            done.append(batches.make(study, schema, segments, folder, (corrections, out)))
            content = json.dumps({"recipe": recipe, "segments": [batches.identity(s) for s in segments]})
            write_atomically(folder / "batch.json", content.encode())
        built.append(Built(form.form_id, sum(b.submissions for b in done), sum(b.problems for b in done)))
    return built


@one_at_a_time
def check(study: Study, forms: Sequence[str] = (), progress: Progress = silent) -> list[Verdict]:
    """Judge every built batch by the form's own logic and the study's expectations."""
    from tracer_etl import checks

    verdicts = []
    for form in study.chosen(forms):
        verdicts += [
            checks.check(folder, schema, study.expectations, timezone=study.timezone, progress=progress)
            for schema, folder in batches.staged(study, form)
        ]
    return verdicts


@one_at_a_time
def load(study: Study, forms: Sequence[str] = (), progress: Progress = silent) -> list[Loaded]:
    """Load every checked batch and what people decided on it, each in one transaction, and the reference tables.

    Then judge what needs more than one submission to be judged: what that finds is set aside as well.

    Raises:
        ChecksFailed: a check of the whole found something; all is loaded, and nothing of it may be published.
    """
    changed: dict[str, int] = {}
    decided, log, out = read_decisions(study), read_corrections(study), withdrawn(study)
    with open_warehouse(study) as warehouse:
        for reference in references(study, out):
            warehouse.load_reference(reference, batches.digest([reference.file], str(reference.direct)))
        for form in study.chosen(forms):
            touched = 0
            for schema, folder in progress(batches.staged(study, form), f"load {form.form_id}"):
                touched += warehouse.load(batches.batch(schema, folder)).changed
            changed[form.form_id] = touched + settling.settle(warehouse, form.form_id, decided)
            note_unlanded(warehouse, form.form_id, log)
            shutil.rmtree(study.staging / form.form_id, ignore_errors=True)
            warehouse.record_pulls(form.form_id, Landing(study.landing, form.form_id).proofs)
        moved = _oversee(study, warehouse, "load", out, decided)
        warehouse.summarise([form.form_id for form in study.forms])
        pdp_log.keep(warehouse, study.pdp_log)
        stop_if_failed(warehouse.connection, "load", study.name)
        return [warehouse.summary(one, count + moved.get(one, 0)) for one, count in changed.items()]


def _oversee(
    study: Study, warehouse: Warehouse, stage: Stage, out: Withdrawn, decided: Sequence[Decision] = ()
) -> dict[str, int]:
    """Judge the checks of a stage where anything changed since; give how many submissions moved, per form."""
    rules = read_rules(study.expectations, [form.form_id for form in study.forms])
    state = batches.digest(_sources_of_oversight(study), warehouse.ledger())
    if not rules.rules and not judged_before(warehouse.connection):
        return {}
    if stage == "load" and overseen(warehouse.connection) == state:
        return {}
    return judge(warehouse, rules, _known_checks(study, out), stage, decided, state)


def _known_checks(study: Study, out: Withdrawn) -> dict[str, Check]:
    """Gather the checks in Python: the core's own, those that read the landing, and those of the evidence."""
    from tracer_etl.evidence.coding.checks import checks_of_job_codes
    from tracer_etl.evidence.selection_checks import CHECKS

    landed = {**checks_of_files(study.landing), **checks_of_edits(study.landing)}
    coded = checks_of_job_codes(codes_file(study))
    return {**builtin(), **landed, **checks_of_withdrawn(out.people), **CHECKS, **coded}


def _sources_of_oversight(study: Study) -> list[Path]:
    """List what decides on findings beside the data: the study's checks, and the code of those in Python."""
    package = Path(__file__).parent
    code = [
        *sorted((package / "oversight").glob("*.py")),
        *sorted((package / "evidence/coding").glob("*.py")),
        package / "evidence" / MAP,
    ]
    return [*rule_files(study.expectations), *code, codes_file(study)]


@one_at_a_time
def marts(study: Study) -> tuple[str, ...]:
    """Make the study's marts anew from the clean tables, in one transaction; with [evidence], estimates and plan too.

    Raises:
        ChecksFailed: a check of the marts found something; they are made, and may not be published.
    """
    from tracer_etl.evidence.computed import compute
    from tracer_etl.evidence.marts import make_marts

    with open_warehouse(study) as warehouse, warehouse.alone("marts") as connection:
        made = make_marts(connection)
        if study.evidence:
            made = (*made, *compute(connection, study))
    judge_marts(study)
    return made


@one_at_a_time
def judge_marts(study: Study) -> None:
    """Judge the checks of the marts as they are now.

    Raises:
        ChecksFailed: one found something; the marts may not be published.
    """
    with open_warehouse(study) as warehouse:
        _oversee(study, warehouse, "marts", withdrawn(study))
        stop_if_failed(warehouse.connection, "marts", study.name)


@one_at_a_time
def publish(study: Study) -> Path:
    """Put a new analysts' copy in place of the old one.

    Raises:
        ChecksFailed: a check of the whole found something; the old copy stays.
    """
    with open_warehouse(study) as warehouse:
        for stage in get_args(Stage):
            stop_if_failed(warehouse.connection, stage, study.name)
        warehouse.publish(study.published)
    return study.published


@one_at_a_time
def report(study: Study, *, data_docs: bool = False) -> Path:
    """Write the report and the codebooks from the published copy; `data_docs` adds those of Great Expectations.

    Data Docs of an earlier report go: they would tell of other data.
    """
    from tracer_etl.checks.data_docs import write_data_docs
    from tracer_etl.exports import write_codebooks
    from tracer_etl.exports.annex import write_annex
    from tracer_etl.report import report as write

    if not study.published.exists():
        raise StudyError(
            "nothing is published yet", where=study.published.name, remedy="run `tracer-etl run`"
        )
    write_codebooks(study.published, study.report / "codebook")
    write_annex(study.published, study.report / "annex.xlsx", dict(study.title))
    shutil.rmtree(study.report / DATA_DOCS, ignore_errors=True)
    if data_docs:
        schemas = [batches.compiled(study, form) for form in study.forms]
        with reading(study) as warehouse:
            write_data_docs(study.report / DATA_DOCS, schemas, study.expectations, warehouse.connection)
    return write(study.published, study.report, dict(study.title))


@one_at_a_time
def refresh(
    study: Study,
    forms: Sequence[str] = (),
    progress: Progress = silent,
    *,
    options: Options | None = None,
    sweep: bool = False,
) -> Run:
    """Run all stages; with no news since the last run nothing is written.

    Raises:
        Partial: some forms could not be pulled; what came of the others is in the report by then.
    """
    try:
        pulled = pull(study, forms, progress, options=options, sweep=sweep)
    except Partial:
        _renew(study, forms, progress)
        raise
    return _renew(study, forms, progress, pulled)


def _renew(study: Study, forms: Sequence[str], progress: Progress, pulled: Sequence[Pulled] = ()) -> Run:
    """Do all that comes after the pull."""
    build(study, forms, progress)
    check(study, forms, progress)
    loaded = load(study, forms, progress)
    wanted, page = _state_of_results(study), study.report / "index.html"
    changed = wanted != _made(study) or not study.published.exists() or not page.exists()
    if changed:
        marts(study)
        publish(study)
        page = report(study)
        write_atomically(_mark(study), wanted.encode())
    said = tuple(f"{one.form_id}: {remark}" for one in pulled for remark in one.remarks)
    return Run(tuple(loaded), (*said, *_logs(study)), page, study.published, changed)


@one_at_a_time
def erase(study: Study, found: Erasure, progress: Progress = silent) -> Entry:
    """Take out what the open erasures of the log ask for, make all results anew, and prove it.

    May be run again whenever it was killed. What it could not take out is named in the entry of the log.
    """
    erasing.erase(study, found)
    for form in study.forms:
        mirror(study, form.form_id)
    _renew(study, (), progress)
    with open_warehouse(study) as warehouse:
        warehouse.compact()
    return erasing.conclude(study, found)


def corrected(study: Study) -> list[Standing]:
    """Check the log of corrections against the forms; tell what became of each line in the last run.

    Raises:
        StudyError: a line is malformed, or contradicts its form.
    """
    log = read_corrections(study)
    for form in study.forms:
        if any(line.fields["form"] == form.form_id for line in log):
            corrections_of(log, batches.compiled(study, form))
    with reading(study) as warehouse:
        return standings(warehouse.connection, log)


def _logs(study: Study) -> list[str]:
    """Say which lines of the logs of corrections and decisions no longer count."""
    with open_warehouse(study) as warehouse:
        corrected = remarks(warehouse.connection, study.corrections.name)
        return [*corrected, *settling.remarks(warehouse.connection, study.decisions.name)]


def _state_of_results(study: Study) -> str:
    """Digest what marts, published copy and report are made of, so that they are made when it changed.

    The mark is written after them: a run killed in between makes them again.
    """
    package = Path(__file__).parent
    sources = [
        p
        for area in ("evidence", "exports", "report")
        for p in sorted((package / area).rglob("*"))
        if p.is_file()
    ]
    kept = [p for p in sources if p.suffix != ".pyc" and "rehearsal" not in p.parts]
    with open_warehouse(study) as warehouse:
        told = repr((dict(study.title), warehouse.ledger()))
        return batches.digest([*kept, *_sources_of_oversight(study), *office_files(study)], told)


def _mark(study: Study) -> Path:
    return study.published.with_suffix(".made")


def _made(study: Study) -> str:
    """Give the state the present results were made of."""
    mark = _mark(study)
    return mark.read_text() if mark.exists() else ""
