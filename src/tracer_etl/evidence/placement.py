"""What alumni agreed to have passed on to a placement service such as SIAPkerja: contact and certificates, no answer else.

Who is in the file said so in their own interview (`consent_placement`), which asks for nothing but these data. The
contract of the file, a Frictionless Table Schema, is written beside it; occupations are KBJI 2014 and KBLI 2020 codes.
`alumni_id` is not in it: with it whoever has the names could find these people in what analysts share.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError
from tracer_etl.evidence.marts import require
from tracer_etl.privacy.pdp_log import note
from tracer_etl.privacy.withdrawal import withdrawn
from tracer_etl.shelf import as_csv, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.evidence.marts import Connection
    from tracer_etl.privacy.withdrawal import Withdrawn
    from tracer_etl.study import Study

EVENT = "placement file"

FIELDS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("full_name", "string", "name as in the registry", {"required": True}),
    ("phone", "string", "mobile number, E.164", {"pattern": r"\+[0-9]{8,15}"}),
    ("kec_code", "string", "district of residence, Kemendagri", {"pattern": "[0-9]{6}"}),
    ("desa_code", "string", "village of residence, Kemendagri", {"pattern": "[0-9]{10}"}),
    ("programme", "string", "code of the training programme", {"required": True}),
    ("programme_label", "string", "its name in Indonesian", {}),
    ("kbji", "string", "KBJI 2014 codes of the programme's field, with blanks between", {}),
    ("kbli", "string", "KBLI 2020 codes of the programme's field, with blanks between", {}),
    ("provider", "string", "training provider (LPK)", {}),
    ("lsp", "string", "certifying body (LSP)", {}),
    ("cert_scheme", "string", "scheme of the certificate", {"required": True}),
    ("cert_no", "string", "number of the BNSP certificate", {}),
    ("cert_date", "date", "day of the certificate", {}),
    ("consented_on", "date", "day on which the person agreed to this", {"required": True}),
)

ROWS = """
select p.alumni_id, i.submission_id, q.full_name, q.phone_e164, p.kec_code, p.desa_code,
  e.program_code, g.label_id, g.kbji, g.kbli, e.provider_lpk, e.lsp, e.cert_scheme, c.cert_no, e.cert_date, i.date
from marts.interview i
join clean.alumni_tracer a on a._submission_id = i.submission_id
join clean.registry_person p on p.alumni_id = i.alumni_id
join pii.registry_person q on q.alumni_id = i.alumni_id
join clean.registry_enrolment e on e.alumni_id = i.alumni_id
left join pii.registry_enrolment c on c.enrolment_id = e.enrolment_id
left join clean.programme g on g.code = e.program_code
where a.consent_placement = '1' and a.respondent_type = '1' and e.cert_result = '1'
  and coalesce(cast(p.opt_out_at as varchar), '') = ''
order by q.full_name, q.phone_e164, e.cert_date, c.cert_no
"""


NEEDED = {
    "marts.interview": ("alumni_id", "submission_id", "date"),
    "clean.alumni_tracer": ("consent_placement", "respondent_type"),
    "clean.registry_person": ("alumni_id", "kec_code", "desa_code", "opt_out_at"),
    "pii.registry_person": ("alumni_id", "full_name", "phone_e164"),
    "clean.registry_enrolment": (
        *("enrolment_id", "alumni_id", "program_code", "provider_lpk", "lsp", "cert_scheme", "cert_result"),
        "cert_date",
    ),
    "pii.registry_enrolment": ("enrolment_id", "cert_no"),
    "clean.programme": ("code", "label_id", "kbji", "kbli"),
}


@dataclass(frozen=True)
class Passed:
    """What was written: certificates and persons in it, and the file's digest."""

    certificates: int
    persons: int
    sha256: str


def pass_on(connection: Connection, study: Study, file: Path, to: str) -> Passed:
    """Write the file and its contract (`<name>.schema.json`), and note it in the log of personal data.

    `to` is who gets it. The file is readable by its owner only; nothing is written before the log is.

    Raises:
        StudyError: nobody agreed, it is not said who gets it, or a table or a column is missing.
        LandingError: the log cannot be written.
    """
    if not to.strip():
        raise StudyError(
            "say who gets the file", where=str(file), remedy="--to 'SIAPkerja, Disnaker Kab. Blitar'"
        )
    require(connection, NEEDED)
    rows = list(_agreed(connection, withdrawn(study)))
    if not rows:
        raise StudyError("nobody with a certificate agreed to be passed on", where="consent_placement")
    content = as_csv([[name for name, *_ in FIELDS], *(told for _, told in rows)])
    passed = Passed(len(rows), len({person for person, _ in rows}), hashlib.sha256(content).hexdigest())
    told = {"to": to, "persons": passed.persons, "certificates": passed.certificates, "sha256": passed.sha256}
    note(study.pdp_log, EVENT, told | {"columns": [name for name, *_ in FIELDS]})
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, content, private=True)
    schema = json.dumps(contract(), ensure_ascii=False, indent=2) + "\n"
    write_atomically(file.with_suffix(".schema.json"), schema.encode())
    return passed


def _agreed(connection: Connection, out: Withdrawn) -> Iterator[tuple[str, list[str]]]:
    """Give each certificate with its person's number, without those who withdrew since the warehouse was loaded."""
    for person, submission, *told in connection.execute(ROWS).fetchall():
        if not (out.covers(person) or submission in out.submissions.get("alumni_tracer", ())):
            yield person, ["" if value is None else str(value) for value in told]


def contract() -> dict[str, Any]:
    """Give the contract of the file: a Frictionless Table Schema, one row per certificate of a person who agreed."""
    fields = [
        {"name": name, "type": kind, "description": said} | ({"constraints": limits} if limits else {})
        for name, kind, said, limits in FIELDS
    ]
    return {"fields": fields, "missingValues": [""]}
