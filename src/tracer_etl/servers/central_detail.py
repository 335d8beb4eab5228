"""What ODK Central's OData does not give of a submission: its XML, its files, what was encrypted."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from tracer_etl.errors import SubmissionError, Unavailable
from tracer_etl.records import Attachment, Received
from tracer_etl.servers.central_rows import Reading, Row, read_row, review_state, stamp
from tracer_etl.servers.openrosa import received

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.records import Memory
    from tracer_etl.servers import Options
    from tracer_etl.servers.central_form import CentralForm
    from tracer_etl.servers.decryption import PrivateKey

_PIECE = 1 << 16
_TRIES = 3
_GONE = requests.codes.not_found


@dataclass(slots=True)
class Reader:
    """Makes Received of rows of one form, asking the server for what a row does not hold."""

    form: CentralForm
    memory: Memory
    options: Options
    current: str = ""
    """The form version whose fields OData shows."""
    _key: PrivateKey | None = field(default=None, repr=False)

    def extras(self, system: Row) -> frozenset[str]:
        """Say what is fetched beyond the row: m = files, k... = decrypted with that key."""
        files = {"m"} if self.options.media and system.get("attachmentsExpected") else set()
        opened = {f"k{self._fingerprint()}"} if self.options.private_key and _sealed(system) else set()
        return frozenset(files | opened)

    def wants(self) -> str:
        """Say what is fetched beyond rows of any submission."""
        return ("m" if self.options.media else "") + (
            f"k{self._fingerprint()}" if self.options.private_key else ""
        )

    def stamp(self, system: Row) -> str:
        """Give the stamp a submission is landed with."""
        return "|".join((stamp(system), *sorted(self.extras(system))))

    def is_news(self, landed: str | None, system: Row) -> bool:
        """Tell whether a submission must be fetched; more than is asked for may be landed already."""
        if landed is None:
            return True
        base, *extras = landed.split("|")
        return base != stamp(system) or not self.extras(system) <= set(extras)

    def read(self, row: Row) -> Received | None:
        """Make a Received; None when the submission was deleted while it was read."""
        system = row["__system"]
        reading = Reading(whole=False) if _sealed(system) else read_row(row, self.form.layout(self.current))
        if not reading.whole or self._is_hidden(system):
            return self._from_xml(row)
        files = self._files(row["__id"], system, reading.files)
        instance_id = reading.data["meta/"][0]["instanceID"]
        return self._received(row, Received(row["__id"], instance_id, _json(row), reading.data), files)

    def _is_hidden(self, system: Row) -> bool:
        """Tell whether OData speaks of another version than the one that was filled in."""
        return bool(system.get("edits")) or self.form.hides(self.current, system.get("formVersion") or "")

    def _received(self, row: Row, found: Received, files: tuple[Attachment, ...]) -> Received:
        system = row["__system"]
        return replace(
            found,
            key=row["__id"],
            instance_id=found.instance_id or row["__id"],
            form_version=found.form_version or system.get("formVersion") or "",
            submitted_at=system.get("submissionDate") or "",
            review_state=review_state(system),
            attachments=files,
            stamp=self.stamp(system),
        )

    # -- XML

    def _from_xml(self, row: Row) -> Received | None:
        key = row["__id"]
        reply = self.form.session.read(self.form.submission(key, ".xml"), allow=(_GONE,))
        if reply.status_code == _GONE:
            return None
        if _is_sealed(reply.content):
            return self._from_sealed(row, reply.content)
        raw = _json({"row": row, "xml": _text(reply.content)})
        found = replace(_projected(reply.content, key), raw=raw)
        return self._received(row, found, self._files(key, row["__system"], None))

    def _from_sealed(self, row: Row, xml: bytes) -> Received:
        """Open an encrypted submission, or set it aside with the reason."""
        from tracer_etl.servers.decryption import decrypt, files_needed

        key, raw = row["__id"], {"row": row, "xml": _text(xml)}
        try:
            private_key = self._opener()
            sealed = {name: body for name in files_needed(xml) if (body := self._body(key, name)) is not None}
            plain = decrypt(xml, sealed, private_key)
        except SubmissionError as error:
            found = Received(key, key, _json(raw), error=str(error))
            return self._received(row, found, self._files(key, row["__system"], None))
        found = replace(_projected(plain.xml, key), raw=_json({**raw, "plain": _text(plain.xml)}))
        files = [self._opened(key, name, content) for name, content in sorted(plain.files.items())]
        return self._received(row, found, tuple(files))

    def _opener(self) -> PrivateKey:
        from tracer_etl.servers.decryption import read_private_key

        if self.options.private_key is None:
            what = f"submission of {self.form.form_id} is encrypted"
            raise SubmissionError(
                what, remedy="give the private key of the form's public_key, and pull again"
            )
        if self._key is None:
            self._key = read_private_key(self.options.private_key, self.options.passphrase)
        return self._key

    def _fingerprint(self) -> str:
        """Tell keys apart, so that another key tries again what one could not open."""
        return f"{self._opener().rsa.public_key().public_numbers().n % (1 << 32):08x}"

    def _body(self, key: str, name: str) -> bytes | None:
        reply = self.form.session.read(self._file(key, name), allow=(_GONE,))
        return None if reply.status_code == _GONE else reply.content

    def _opened(self, key: str, name: str, content: bytes) -> Attachment:
        if not self.options.media:
            return Attachment(name, size=len(content), content=None)
        return self.memory.keep(f"{key}/{name}", name, [content])

    # -- files

    def _files(self, key: str, system: Row, names: list[str] | None) -> tuple[Attachment, ...]:
        """List a submission's files, and fetch them where files are wanted.

        Without that wish the row itself often says all: `names` are the files its answers name.
        """
        expected, present = system.get("attachmentsExpected") or 0, system.get("attachmentsPresent") or 0
        if not expected:
            return ()
        told = names is not None and len(set(names)) == expected and present in (0, expected)
        if told and names is not None and not self.options.media:
            return tuple(Attachment(name, None, present=bool(present)) for name in sorted(set(names)))
        listed = self.form.session.json(self.form.submission(key, "/attachments"), allow=(_GONE,))
        pairs = sorted((one["name"], one["exists"]) for one in listed) if isinstance(listed, list) else []
        return tuple(self._fetched(key, name, exists=exists) for name, exists in pairs)

    def _fetched(self, key: str, name: str, *, exists: bool) -> Attachment:
        if not exists or not self.options.media:
            return Attachment(name, None, present=exists)
        for _ in range(_TRIES - 1):
            try:
                return self._download(key, name)
            except Unavailable:
                continue  # broken off in the middle: begin again
        return self._download(key, name)

    def _download(self, key: str, name: str) -> Attachment:
        uid = f"{key}/{name}"
        known = self.memory.find(uid)
        headers = {"If-None-Match": known.tag} if known and known.tag else None
        path = self._file(key, name)
        reply = self.form.session.read(path, headers=headers, allow=(_GONE,), stream=True)
        with reply:
            if reply.status_code == _GONE:
                return Attachment(name, None, present=False)
            if reply.status_code == requests.codes.not_modified and known:
                return replace(known, name=name)
            return self.memory.keep(uid, name, _pieces(reply, name), reply.headers.get("ETag", ""))

    def _file(self, key: str, name: str) -> str:
        return self.form.submission(key, f"/attachments/{quote(name, safe='')}")


def _pieces(reply: requests.Response, name: str) -> Iterator[bytes]:
    try:
        yield from reply.iter_content(_PIECE)
    except requests.RequestException as error:
        what = f"the file broke off ({type(error).__name__})"
        raise Unavailable(what, where=name, remedy="try again later; what is landed stays") from error


def _sealed(system: Row) -> bool:
    """Tell whether a submission is encrypted; its files may still be on their way."""
    return bool(system.get("status"))


def _is_sealed(xml: bytes) -> bool:
    from tracer_etl.servers.decryption import is_encrypted

    return is_encrypted(xml)


def _projected(xml: bytes, key: str) -> Received:
    """Project XML; Central gives an identity to a submission that brought none."""
    found = received(xml, where=f"submission {key}", fallback_key=key)
    return replace(found, error="") if found.data else found


def _json(value: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _text(xml: bytes) -> str:
    return xml.decode("utf-8", "replace")
