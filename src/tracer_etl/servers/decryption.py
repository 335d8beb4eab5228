"""Submissions encrypted on the device for a form's public key: manifest and .enc files -> what was answered.

The scheme is that of https://getodk.github.io/xforms-spec/encryption. Where the specification names an
algorithm of Java, this is what it means in practice (Collect, Enketo and Java itself agree):

    RSA/NONE/OAEPWithSHA256AndMGF1Padding   OAEP with SHA-256, for MGF1 too (SHA-1 there opens nothing)
    AES/CFB/PKCS5Padding                    AES-256 in CFB with whole blocks as segments, padding PKCS #7

The signature is made with the public key, so it proves that nothing was lost or mixed up, not who sent it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError, SubmissionError
from tracer_etl.safe_xml import local_name, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from lxml.etree import _Element

_SUFFIX = ".enc"
_KEY_BYTES = 32
_BLOCK_BYTES = 16
_CHUNK = 4096
"""Bytes fed at a time until the root's opening tag is complete; one is nearly always enough."""
_RESEND = "send the submission again from the device"


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The private half of a form's key pair and the name of the file it came from; its repr shows no secret."""

    where: str
    rsa: RSAPrivateKey = field(repr=False)

    def unseal(self, sealed: bytes) -> bytes:
        """Open what was encrypted for the public half.

        Raises:
            ValueError: encrypted for another key, or damaged.
        """
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.hashes import SHA256

        return self.rsa.decrypt(sealed, padding.OAEP(padding.MGF1(SHA256()), SHA256(), None))


@dataclass(frozen=True, slots=True)
class Decrypted:
    """A submission as the device would have sent it without encryption; `files` has no `.enc` in its names."""

    xml: bytes = field(repr=False)
    files: dict[str, bytes] = field(repr=False)


def is_encrypted(xml: bytes) -> bool:
    """Tell whether a submission's XML is the manifest of an encrypted one; unreadable XML is not.

    >>> is_encrypted(b'<data id="visit" encrypted="yes" xmlns="http://opendatakit.org/submissions"/>')
    True
    >>> is_encrypted(b'<data id="visit"><encrypted>yes</encrypted></data>')
    False
    """
    from lxml import etree

    reader = etree.XMLPullParser(events=("start",), resolve_entities=False, no_network=True, load_dtd=False)
    try:
        for begin in range(0, len(xml), _CHUNK):
            reader.feed(xml[begin : begin + _CHUNK])
            for _, root in reader.read_events():
                return root.get("encrypted") == "yes"
    except etree.XMLSyntaxError:
        return False
    return False


def files_needed(xml: bytes) -> tuple[str, ...]:
    """Name the encrypted files of a manifest in the order they were encrypted: media first, the answers last.

    Raises:
        SubmissionError: not a readable manifest.
    """
    return _manifest(xml).files


def decrypt(xml: bytes, files: Mapping[str, bytes], private_key: PrivateKey) -> Decrypted:
    """Open a submission and prove it whole.

    Args:
        xml: the manifest, as the server gives it for the submission's XML.
        files: contents of at least all `files_needed`, by name.
        private_key: the private half of the key pair whose public half stands in the form.

    Raises:
        SubmissionError: not a manifest, a file is missing, another key, damaged content, or a signature that
            is absent or does not match. No message holds a key or an answer.
    """
    manifest = _manifest(xml)
    if missing := [name for name in manifest.files if name not in files]:
        raise _refusal(
            manifest, f"{', '.join(missing)} is missing", f"wait for the device to send it, or {_RESEND}"
        )
    key = _content_key(manifest, private_key)
    plain = {
        _plain_name(name): _opened(manifest, name, files[name], key, iv)
        for name, iv in zip(manifest.files, _ivs(manifest.instance_id, key), strict=False)
    }
    _verify(manifest, plain, private_key)
    answers = plain.pop(_plain_name(manifest.files[-1]))
    return Decrypted(answers, plain)


def read_private_key(path: Path, passphrase: str = "") -> PrivateKey:
    """Read an RSA private key from a PEM file (PKCS #8 or PKCS #1); an open one needs no passphrase.

    Raises:
        StudyError: not readable, no private key, not RSA, or another passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = _pem(path)
    locked = b"BEGIN ENCRYPTED PRIVATE KEY" in pem or b"4,ENCRYPTED" in pem
    if locked and not passphrase:
        raise StudyError("the private key is locked", where=str(path), remedy="give its passphrase")
    try:
        key = load_pem_private_key(pem, passphrase.encode() if locked else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        remedy = "check the passphrase" if locked else "make the key anew or restore the file from its backup"
        raise StudyError("the private key cannot be read", where=str(path), remedy=remedy) from error
    if not isinstance(key, RSAPrivateKey):
        raise StudyError("not an RSA key", where=str(path), remedy="ODK clients encrypt for RSA keys only")
    return PrivateKey(str(path), key)


def _pem(path: Path) -> bytes:
    try:
        pem = path.read_bytes()
    except OSError as error:
        what = f"the private key cannot be read ({error.strerror})"
        raise StudyError(what, where=str(path), remedy="check the path and who may read it") from error
    if b"PRIVATE KEY-----" not in pem:
        what = "a public key" if b"PUBLIC KEY-----" in pem else "no key in PEM form"
        remedy = "name the file that begins -----BEGIN PRIVATE KEY-----"
        raise StudyError(f"{what}, not the private one", where=str(path), remedy=remedy)
    return pem


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What a manifest says; `files` end with the answers, `version` is None where the form has none."""

    form_id: str
    version: str | None
    instance_id: str
    sealed_key: str
    sealed_digest: str
    files: tuple[str, ...]


def _manifest(xml: bytes) -> _Manifest:
    root = parse(xml, "the manifest of a submission")
    if root.get("encrypted") != "yes":
        raise SubmissionError(
            "not the manifest of an encrypted submission", remedy="read its answers as they are"
        )
    instance_id = _text(root, "meta", "instanceID") or (root.get("instanceID") or "").strip()
    manifest = _Manifest(
        form_id=root.get("id") or "",
        version=root.get("version"),
        instance_id=instance_id,
        sealed_key=_text(root, "base64EncryptedKey"),
        sealed_digest=_text(root, "base64EncryptedElementSignature"),
        files=(*_texts(root, "media", "file"), _text(root, "encryptedXmlFile")),
    )
    _demand_whole(manifest)
    return manifest


def _demand_whole(manifest: _Manifest) -> None:
    """Refuse a manifest that lacks a part, names one file twice, or names what is no file."""
    parts = {
        "id": manifest.form_id,
        "instanceID": manifest.instance_id,
        "base64EncryptedKey": manifest.sealed_key,
        "base64EncryptedElementSignature": manifest.sealed_digest,
        "file": all(manifest.files[:-1]),
        "encryptedXmlFile": manifest.files[-1],
    }
    if lacking := [name for name, content in parts.items() if not content]:
        raise _refusal(manifest, f"the manifest lacks {', '.join(lacking)}", _RESEND)
    names = [_plain_name(name) for name in manifest.files]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _refusal(manifest, f"the manifest names {', '.join(twice)} twice", _RESEND)
    # Whoever may submit may write a manifest: a name must not lead out of the folder it is saved in.
    if any(name in {"", ".", ".."} or "/" in name or "\\" in name for name in names):
        raise _refusal(manifest, "the manifest names a path instead of a file", "find out who made it")


def _text(root: _Element, *path: str) -> str:
    """Give the text of the first element there, or nothing: whichever namespace the client wrote."""
    return next(_texts(root, *path), "")


def _texts(root: _Element, *path: str) -> Iterator[str]:
    for child in root:
        if local_name(child) == path[0]:
            if len(path) == 1:
                yield (child.text or "").strip()
            else:
                yield from _texts(child, *path[1:])


def _plain_name(name: str) -> str:
    return name.removesuffix(_SUFFIX)


def _content_key(manifest: _Manifest, private_key: PrivateKey) -> bytes:
    """Unseal the AES key that this one submission was encrypted with."""
    remedy = f"give the private key of the form's public_key; if {private_key.where} is it, {_RESEND}"
    try:
        key = private_key.unseal(_base64(manifest.sealed_key))
    except ValueError as error:
        raise _refusal(manifest, "encrypted for another key", remedy) from error
    if len(key) != _KEY_BYTES:
        raise _refusal(manifest, "the sealed key is not one of 256 bits", _RESEND)
    return key


def _ivs(instance_id: str, key: bytes) -> Iterator[bytes]:
    """Yield the initialization vector of each file in turn; each differs from the last in one byte."""
    seed = bytearray(_md5(instance_id.encode() + key))
    for count in itertools.count():
        place = count % len(seed)
        seed[place] = (seed[place] + 1) % 256
        yield bytes(seed)


def _opened(manifest: _Manifest, name: str, content: bytes, key: bytes, iv: bytes) -> bytes:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.padding import PKCS7

    cipher = Cipher(AES(key), CFB(iv)).decryptor()
    unpadder = PKCS7(8 * _BLOCK_BYTES).unpadder()
    try:
        return unpadder.update(cipher.update(content) + cipher.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise _refusal(manifest, f"{name} is damaged or cut off", _RESEND) from error


def _verify(manifest: _Manifest, plain: Mapping[str, bytes], private_key: PrivateKey) -> None:
    """Compare the signature with what was opened.

    An empty version attribute is a line of its own for Collect, and none for Enketo.
    """
    try:
        sealed = private_key.unseal(_base64(manifest.sealed_digest))
    except ValueError as error:
        raise _refusal(manifest, "the signature is damaged", _RESEND) from error
    versions = {manifest.version, manifest.version or None}
    if not any(hmac.compare_digest(sealed, _digest(manifest, version, plain)) for version in versions):
        what = "the signature does not match: a file, or the manifest, is not as the device made it"
        raise _refusal(manifest, what, _RESEND)


def _digest(manifest: _Manifest, version: str | None, plain: Mapping[str, bytes]) -> bytes:
    lines = [manifest.form_id, *([] if version is None else [version])]
    lines += [manifest.sealed_key, manifest.instance_id]
    lines += [f"{name}::{_md5(content).hex()}" for name, content in plain.items()]
    return _md5("".join(f"{line}\n" for line in lines).encode())


def _base64(text: str) -> bytes:
    return base64.b64decode("".join(text.split()), validate=True)


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def _refusal(manifest: _Manifest, what: str, remedy: str) -> SubmissionError:
    return SubmissionError(what, where=f"submission {manifest.instance_id or '?'}", remedy=remedy)
