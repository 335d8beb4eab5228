"""A case list on its way: from its source, checked and shared out, to every place it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError
from tracer_etl.fieldwork import cases as lists
from tracer_etl.fieldwork.cases_central import EntityList, target
from tracer_etl.fieldwork.cases_kobo import FormMedia
from tracer_etl.form import read_form
from tracer_etl.servers import connecting
from tracer_etl.servers.central import CentralSource
from tracer_etl.servers.kobo import KoboSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.fieldwork.cases import Case, Changes, Target
    from tracer_etl.questions import Form
    from tracer_etl.records import Source
    from tracer_etl.study import CaseList, Study


@dataclass(frozen=True, slots=True)
class Delivery:
    """A list and one place it goes to: what would change there, and what a person should know."""

    case_list: CaseList
    target: Target
    cases: Mapping[str, Case]
    changes: Changes
    remarks: tuple[str, ...]

    @property
    def idle(self) -> bool:
        """Tell whether there is nothing to do."""
        gone = self.changes.gone if not self.target.keeps_gone else ()
        return not (self.changes.new or self.changes.changed or gone)

    def refuse_loss(self) -> None:
        """Stop where more than a fifth of the cases would vanish from a place.

        Raises:
            Refused: so many would.
        """
        if not self.target.keeps_gone:
            lists.refuse_loss(self.case_list, self.changes)

    def apply(self) -> list[str]:
        """Do it; gives remarks."""
        return [] if self.idle else self.target.apply(self.cases, self.changes)


def prepare(study: Study, names: Sequence[str] = (), source: Source | None = None) -> Iterator[Delivery]:
    """Read, check and compare the lists, by default all; nothing is changed anywhere.

    Raises:
        StudyError: no such list, or one that must not travel as it is.
        ServerError: the server does not let this account look.
    """
    chosen = _chosen(study, names)
    opened = source or connecting.source(study)
    forms = {form.form_id: read_form(form.workbook, study.media) for form in study.forms}
    for case_list in chosen:
        yield from _prepared(study, case_list, opened, forms)


def _chosen(study: Study, names: Sequence[str]) -> list[CaseList]:
    known = [one.name for one in study.case_lists]
    for name in names:
        if name not in known:
            remedy = f"choose of {', '.join(known)}" if known else "add a [[case_list]] to study.toml"
            raise StudyError(f"no case list {name!r}", where="--list", remedy=remedy)
    return [one for one in study.case_lists if not names or one.name in names]


def _prepared(
    study: Study, case_list: CaseList, source: Source, forms: Mapping[str, Form]
) -> Iterator[Delivery]:
    study.chosen(case_list.forms)
    read = lists.read_cases(study, case_list)
    lists.check_privacy(study, case_list, list(forms.values()))
    targets = _targets(study, case_list, source)
    entities = any(isinstance(place, EntityList) for place in targets)
    for form_id in case_list.forms:
        lists.check_form(case_list, forms[form_id], entities=entities)
    standing = [place.standing() for place in targets]
    cases, remarks = lists.share_out(case_list, read, standing[0])
    for place, there in zip(targets, standing, strict=True):
        changes = lists.compare(cases, there, exact=not place.merges)
        yield Delivery(case_list, place, cases, changes, tuple(remarks))


def _targets(study: Study, case_list: CaseList, source: Source) -> list[Target]:
    match source:
        case CentralSource():
            return [target(source.session, source.project, study, case_list)]
        case KoboSource():
            found = [(form, source.asset_of(form)) for form in case_list.forms]
            return [FormMedia(source.session, asset, form, study, case_list) for form, asset in found]
        case _:
            return [lists.LocalFile(study, case_list)]
