"""Fills the real forms with the answers of the rehearsal, through the engine of ODK Collect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

from tracer_etl.collect import Clock, Filled, Filler, Identifiers
from tracer_etl.errors import FormError
from tracer_etl.evidence.rehearsal.job import Job, Submission
from tracer_etl.evidence.rehearsal.placeholders import audit_log, jpeg
from tracer_etl.form import read_form

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_IMAGE = re.compile(rb">([\w.-]+\.jpg)<")
_AUDIT = b"<audit>audit.csv</audit>"


@dataclass
class Studio:
    """The forms of one folder, each parsed when it is first needed."""

    forms: Path
    media: Path
    seed: int
    _fillers: dict[str, Filler] = field(default_factory=dict)

    def fill(self, job: Job) -> Submission:
        """Return the finished submission.

        Raises:
            FormError: the form refused an answer; the rehearsal and the form have drifted apart.
        """
        identifiers = Identifiers(f"{self.seed}|{job.form_id}|{job.key}")
        clock = Clock(job.begins, job.pace)
        filled = self._filler(job.form_id).fill(
            job.answers, clock=clock, identifiers=identifiers, device=job.device
        )
        xml = _accepted(filled, job)
        folder = re.search(rb"<instanceID>uuid:([^<]+)</instanceID>", xml)
        if folder is None:
            raise FormError(
                "no instanceID in the submission", where=job.form_id, remedy="convert the form again"
            )
        media = {name.decode(): jpeg(name.decode()) for name in _IMAGE.findall(xml)}
        if _AUDIT in xml:
            told = list(_told(xml, job.answers)) if job.detailed else []
            media["audit.csv"] = audit_log(job.begins, clock.now, told, hasty=job.hasty)
        return Submission(job.form_id, folder[1].decode(), xml, media, job.about, clock.now)

    def version(self, form_id: str) -> str:
        """Return the version of the form."""
        return read_form(self.forms / f"{form_id}.xlsx", self.media).version

    def _filler(self, form_id: str) -> Filler:
        if form_id not in self._fillers:
            form = read_form(self.forms / f"{form_id}.xlsx", self.media)
            self._fillers[form_id] = Filler(form.xform.encode(), self.media, name=form_id)
        return self._fillers[form_id]


def _accepted(filled: Filled, job: Job) -> bytes:
    for refusal in filled.refusals:
        # The second choice of some lists is a fallback by design; a single value must be accepted.
        if not isinstance(job.answers.get(_name(refusal.path)), list):
            raise FormError(
                f"{refusal.value!r} was refused ({refusal.reason}) {refusal.message}",
                where=f"{job.form_id} {job.key} {refusal.path}",
                remedy="bring the rehearsal in line with the form",
            )
    return filled.submission()


def _told(xml: bytes, answers: Mapping[str, object]) -> Iterator[str]:
    """Give the paths of what was answered, in the form's order; what the form works out is not asked."""
    root, asked = etree.fromstring(xml), frozenset(_names(answers))
    for node in root.iter(etree.Element):
        if len(node) == 0 and node.text and node.tag in asked:
            yield root.getroottree().getpath(node)


def _names(answers: object) -> Iterator[str]:
    """Name all questions that are answered, those of repeats too."""
    if isinstance(answers, Mapping):
        yield from answers
        answers = list(answers.values())
    if isinstance(answers, list | tuple):
        for one in answers:
            yield from _names(one)


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1].partition("[")[0]
