"""The rehearsal from beginning to end: registry, field season, applications, faults, files."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_etl.collect import Identifiers
from tracer_etl.errors import StudyError
from tracer_etl.evidence.rehearsal import others, pool
from tracer_etl.evidence.rehearsal.agenda import TRACER, Agenda, Done
from tracer_etl.evidence.rehearsal.careers import planted_rates
from tracer_etl.evidence.rehearsal.chance import Chance
from tracer_etl.evidence.rehearsal.classes import CLASSES
from tracer_etl.evidence.rehearsal.earlier_applicants import earlier_applicants, planted_effect
from tracer_etl.evidence.rehearsal.faults import plant
from tracer_etl.evidence.rehearsal.fieldwork import COMPLETE, plan_cases
from tracer_etl.evidence.rehearsal.interview import village_rows
from tracer_etl.evidence.rehearsal.oddities import Oddity, make_odd
from tracer_etl.evidence.rehearsal.office_lists import write_office_lists
from tracer_etl.evidence.rehearsal.people import is_synthetic
from tracer_etl.evidence.rehearsal.registry import (
    Alumnus,
    Staff,
    case_rows,
    enrolment_rows,
    make_registry,
    person_rows,
    read_rows,
    read_staff,
    read_villages,
    staff_rows,
    write_rows,
)
from tracer_etl.evidence.rehearsal.storage import write_zip
from tracer_etl.evidence.rehearsal.studio import Studio
from tracer_etl.evidence.rehearsal.truth import truth_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tracer_etl.evidence.rehearsal.fault import Fault
    from tracer_etl.evidence.rehearsal.fieldwork import Case
    from tracer_etl.evidence.rehearsal.job import Job, Submission
    from tracer_etl.evidence.rehearsal.people import Village

FORMS = (TRACER, pool.APPLICATION, pool.ASSESSMENT, others.IDEA, others.EMPLOYER, others.BACKCHECK)
CURBSTONER = "P06"
_IDEAS, _FIRMS = 150, 60
_OPT_OUTS = 2


@dataclass(frozen=True)
class Summary:
    """What a rehearsal made: submissions per form, planted faults, benign oddities."""

    persons: int
    enrolments: int
    submissions: dict[str, int]
    faults: int
    oddities: int
    folder: Path = field(default_factory=Path)


def rehearse(
    forms_dir: Path,
    out: Path,
    seed: int,
    progress: Callable[[str], None] | None = None,
    media: Path | None = None,
) -> Summary:
    """Make the registry and the submissions of a whole study by filling the real forms.

    The same seed and the same forms give the same files. `out` gets one zip per form (layout of ODK
    Briefcase), `registry/`, `office_lists/` (the same registry as an office would have kept it), `faults.csv` and
    `truth.json`; the case lists that go onto the devices (`alumni.csv`, `applicants.csv`, `backcheck.csv`) are
    written to `media`: by default `forms_dir/media` for the rehearsal that belongs to the forms (`out` is
    `forms_dir/rehearsal`), else `out/media`.

    Args:
        forms_dir: folder with the six workbooks and `media/` (desa.csv, enumerators.csv, assessors.csv).
        out: where to write; existing files of the same names are replaced.
        seed: any whole number.
        progress: told one line per stage.
        media: where the case lists go.

    Raises:
        StudyError: there is no Java or no JPype, or `media` holds a case list that no rehearsal made.
        FormError: a form refused an answer, so the rehearsal and the form have drifted apart.
    """
    tell = progress or (lambda _line: None)
    media = media or _case_lists(forms_dir, out)
    _keep_real_lists(media)
    with tempfile.TemporaryDirectory() as folder:
        stage = _Stage(forms_dir, Path(folder) / "media", Chance(seed), seed, tell)
        result = stage.play()
    return _write(result, out, media)


def _case_lists(forms_dir: Path, out: Path) -> Path:
    own = out.resolve() == (forms_dir / "rehearsal").resolve()
    return (forms_dir if own else out) / "media"


def _keep_real_lists(media: Path) -> None:
    path = media / "alumni.csv"
    if path.is_file() and any(not is_synthetic(row.get("nik_last4", "")) for row in read_rows(path)):
        raise StudyError(
            "it holds cases that no rehearsal made, and the rehearsal would replace them",
            where=str(path),
            remedy="rehearse into another folder with --out, or move the file away",
        )


@dataclass
class _Result:
    alumni: list[Alumnus]
    withdrawn: dict[str, str]
    villages: list[Village]
    staff: list[Staff]
    earlier: list[dict[str, object]]
    applicants: list[pool.Applicant]
    application_ids: dict[str, str]
    lists: dict[str, list[dict[str, object]]]
    submissions: list[Submission]
    faults: list[Fault]
    oddities: list[Oddity]
    truth: dict[str, object]


@dataclass
class _Stage:
    """The forms, the lists they need, and the order of events."""

    forms_dir: Path
    media: Path
    chance: Chance
    seed: int
    tell: Callable[[str], None]

    def play(self) -> _Result:
        shutil.copytree(self.forms_dir / "media", self.media)
        self.villages: list[Village] = read_villages(self.media)
        self.staff: list[Staff] = read_staff(self.media)
        self.studio = Studio(self.forms_dir, self.media, self.seed)
        alumni = make_registry(self.chance.of("registry"), self.villages, self.staff)
        withdrawn = _withdrawn(self.chance.of("withdrawn"), alumni)
        lists = {"alumni": case_rows(alumni)}
        self._list("alumni", lists["alumni"])
        cases, done, rates = self._field_season(alumni, withdrawn)
        earlier = earlier_applicants(self.chance.of("applicants of 2025"), cases, self.villages)
        applicants = pool.make_applicants(self.chance.of("pool"), self.villages)
        lists["applicants"] = pool.applicant_cases(pool.assessed(applicants))
        self._list("applicants", lists["applicants"])
        applications = self._fill("applications", pool.application_jobs(applicants))
        checked = others.chosen_for_backcheck(self.chance.of("checks"), _completes(done))
        lists["backcheck"] = others.backcheck_cases(checked)
        self._list("backcheck", lists["backcheck"])
        clean = [one.submission for one in done] + applications + self._others(applicants, checked)
        invented = {one.submission.folder for one in done if one.case.invented}
        new_ids = Identifiers(f"{self.seed}|edits")
        odd, oddities = make_odd(self.chance.of("oddities"), clean, invented, new_ids)
        untouched = invented | _folders(oddities)
        flawed, faults = plant(self.chance.of("faults"), odd, untouched, new_ids)
        self.tell(f"planted {len(faults)} faults and {len(oddities)} oddities")
        ids = {one.about: one.instance_id for one in applications}
        truth = truth_of(self.seed, done, rates, withdrawn, faults, oddities)
        truth["effect_on_accepted_of_2025"] = planted_effect(cases, earlier)
        return _Result(
            alumni,
            withdrawn,
            self.villages,
            self.staff,
            earlier,
            applicants,
            ids,
            lists,
            flawed,
            faults,
            oddities,
            truth,
        )

    def _field_season(
        self, alumni: list[Alumnus], withdrawn: dict[str, str]
    ) -> tuple[list[Case], list[Done], dict[str, float]]:
        rates = planted_rates(self.chance.of("rates"), sorted({place.program for place in CLASSES}))
        cases = plan_cases(self.chance.of("field"), alumni, rates, CURBSTONER, withdrawn)
        agenda = Agenda(self.chance.of("agenda"), cases, tuple(self.villages), self.studio.fill)
        done = list(agenda.run())
        self.tell(f"filled {len(done)} contact attempts")
        return cases, done, rates

    def _others(self, applicants: list[pool.Applicant], checked: list[Done]) -> list[Submission]:
        assessors = [row["name"] for row in read_rows(self.media / "assessors.csv")]
        jobs = {
            "assessments": pool.assessment_jobs(pool.assessed(applicants), assessors),
            "ideas": others.idea_jobs(self.chance.of("ideas"), _IDEAS, self.villages),
            "visits to employers": others.employer_jobs(
                self.chance.of("firms"), _FIRMS, self.villages, self.staff
            ),
            "back-checks": others.backcheck_jobs(self.chance.of("backchecks"), checked, self.staff),
        }
        return [submission for name, some in jobs.items() for submission in self._fill(name, some)]

    def _fill(self, name: str, jobs: Iterable[Job]) -> list[Submission]:
        filled = [self.studio.fill(job) for job in jobs]
        self.tell(f"filled {len(filled)} {name}")
        return filled

    def _list(self, name: str, rows: list[dict[str, object]]) -> None:
        write_rows(self.media / f"{name}.csv", rows)


def _withdrawn(chance: Chance, alumni: list[Alumnus]) -> dict[str, str]:
    chosen = chance.rng.sample([one for one in alumni if one.enumerator != CURBSTONER], _OPT_OUTS)
    return {one.alumni_id: f"2026-02-{chance.whole(10, 20)}T09:00:00+07:00" for one in chosen}


def _folders(oddities: list[Oddity]) -> set[str]:
    named = (name for one in oddities for name in (one.submission_id, one.detail))
    return {name.removeprefix("uuid:") for name in named}


def _completes(done: list[Done]) -> list[Done]:
    return [one for one in done if one.attempt.outcome == COMPLETE]


def _write(result: _Result, out: Path, media: Path) -> Summary:
    for name, rows in result.lists.items():
        write_rows(media / f"{name}.csv", rows)
    registry = out / "registry"
    write_rows(registry / "person.csv", person_rows(result.alumni, result.withdrawn))
    write_rows(registry / "enrolment.csv", enrolment_rows(result.alumni))
    write_rows(registry / "staff_phone.csv", staff_rows(result.staff))
    write_rows(registry / "village.csv", village_rows(result.villages))
    write_rows(registry / "applicants.csv", pool.applicant_rows(result.applicants, result.application_ids))
    write_rows(registry / "applicant_pool.csv", result.earlier)
    write_office_lists(out / "office_lists", result.alumni, result.withdrawn)
    write_rows(out / "faults.csv", [asdict(fault) for fault in result.faults])
    text = json.dumps(result.truth, ensure_ascii=False, indent=1, sort_keys=True)
    (out / "truth.json").write_text(text + "\n", encoding="utf-8")
    counts = Counter(one.form_id for one in result.submissions)
    for form_id in FORMS:
        write_zip(out / f"{form_id}.zip", (one for one in result.submissions if one.form_id == form_id))
    return Summary(
        persons=len(result.alumni),
        enrolments=sum(len(one.enrolments) for one in result.alumni),
        submissions=dict(counts),
        faults=len(result.faults),
        oddities=len(result.oddities),
        folder=out,
    )
