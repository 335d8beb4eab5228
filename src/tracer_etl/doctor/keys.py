"""The keys the study needs: of pseudonyms, and of encrypted forms. None is ever shown."""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING

from tracer_etl.doctor.finding import error, of_error, warning, well
from tracer_etl.errors import StudyError, TracerError
from tracer_etl.privacy.pseudonyms import KEY, LEAST, OLD, from_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.doctor.finding import Finding
    from tracer_etl.servers.decryption import PrivateKey
    from tracer_etl.study import Study

AREA = "keys"
_PUBLIC = re.compile(r'base64RsaPublicKey="([^"]+)"')


def keys(study: Study) -> Iterator[Finding]:
    """Look for every key the study needs."""
    yield from _pseudonyms(study)
    yield from _private(study)


def _pseudonyms(study: Study) -> Iterator[Finding]:
    if study.public or os.environ.get(KEY):
        try:
            yield well(AREA, f"{KEY} is there, fingerprint {from_environment().fingerprint}")
        except StudyError as raised:
            yield of_error(AREA, raised)
    else:
        yield well(AREA, f"{KEY} is not needed: study.toml names no open data")
    if os.environ.get(OLD):
        long = len(os.environ[OLD]) >= LEAST
        what = "is still set" if long else "is too short"
        yield warning(AREA, f"{OLD} {what}", "unset it once every extract is published under the new key")


def _private(study: Study) -> Iterator[Finding]:
    """Say of every encrypted form whether the private key that is named opens it."""
    public = {one.form_id: half for one in study.forms if (half := _public_key(study, one.workbook))}
    try:
        key, file = _named_key(study)
    except TracerError as raised:
        yield of_error(AREA, raised)
        return
    if file and os.name == "posix" and file.stat().st_mode & 0o077:
        yield warning(AREA, f"{file} can be read by other users", f"chmod 600 {file}")
    for form_id, sealed_for in public.items():
        if key is None:
            remedy = "name the file of the private key by TRACER_PRIVATE_KEY"
            yield error(AREA, f"{form_id} is encrypted and no private key is named", remedy)
        elif _public_half(key) != sealed_for:
            remedy = "name the private key that was made with the form's public_key"
            yield error(AREA, f"the private key is not that of {form_id}", remedy)
        else:
            yield well(AREA, f"{form_id} is encrypted, and its private key is there")
    if not public:
        yield well(AREA, "no form is encrypted" + (", a private key is there" if key else ""))


def _public_key(study: Study, workbook: Path) -> str:
    from tracer_etl.form import read_form

    try:
        found = _PUBLIC.search(read_form(workbook, study.media).xform)
    except TracerError:
        return ""  # the check of the forms says so
    return "".join(found[1].split()) if found else ""


def _named_key(study: Study) -> tuple[PrivateKey | None, Path | None]:
    from tracer_etl.servers import connecting
    from tracer_etl.servers.decryption import read_private_key

    options = connecting.options(study)
    if options.private_key is None:
        return None, None
    return read_private_key(options.private_key, options.passphrase), options.private_key


def _public_half(key: PrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.rsa.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(public).decode()
