"""What a device does with a finished interview when its form carries a public key.

Written apart from servers/decryption.py, after the specification alone: a shared mistake would hide.
"""

from __future__ import annotations

import base64
import os
from hashlib import md5
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lxml.etree import _Element

_NAMESPACE = "http://opendatakit.org/submissions"
_OPENROSA = "http://openrosa.org/xforms"


def key_pair() -> tuple[bytes, str]:
    """Make a key pair: the private half as PEM, the public half as `public_key` of an XLSForm takes it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    der = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem, base64.b64encode(der).decode()


def encrypt(
    xml: bytes,
    files: Mapping[str, bytes],
    public_key: str,
    *,
    form_id: str,
    version: str | None,
    instance_id: str,
) -> tuple[bytes, dict[str, bytes]]:
    """Encrypt one submission: the manifest to send as its XML, and the `.enc` files to send along.

    Args:
        xml: the answers.
        files: media by name; their order is the order of encryption.
        public_key: base64, as in the form.
        form_id: id of the form.
        version: version of the form, None where it has none.
        instance_id: the instanceID that stands in the answers.
    """
    aes_key = os.urandom(32)
    sealed_key = _sealed(public_key, aes_key)
    signed = [form_id, *([] if version is None else [version]), sealed_key, instance_id]
    encrypted = {}
    seed = list(md5(instance_id.encode() + aes_key, usedforsecurity=False).digest())
    for number, (name, content) in enumerate([*files.items(), ("submission.xml", xml)]):
        seed[number % 16] = (seed[number % 16] + 1) & 0xFF
        encrypted[f"{name}.enc"] = _aes(aes_key, bytes(seed), content)
        signed.append(f"{name}::{md5(content, usedforsecurity=False).hexdigest()}")
    digest = md5("\n".join([*signed, ""]).encode(), usedforsecurity=False).digest()
    attributes = {"id": form_id, "encrypted": "yes", **({} if version is None else {"version": version})}
    manifest = _manifest(attributes, sealed_key, instance_id, list(encrypted), _sealed(public_key, digest))
    return manifest, encrypted


def _sealed(public_key: str, content: bytes) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = load_der_public_key(base64.b64decode(public_key))
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("ODK clients encrypt for RSA keys only")
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    return base64.b64encode(key.encrypt(content, oaep)).decode()


def _aes(key: bytes, iv: bytes, content: bytes) -> bytes:
    from cryptography.hazmat.decrepit.ciphers import modes
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

    missing = 16 - len(content) % 16
    encryptor = Cipher(algorithms.AES256(key), modes.CFB(iv)).encryptor()
    return encryptor.update(content + bytes([missing]) * missing) + encryptor.finalize()


def _manifest(
    attributes: Mapping[str, str], sealed_key: str, instance_id: str, names: list[str], signature: str
) -> bytes:
    from lxml.etree import Element, tostring

    root = Element(f"{{{_NAMESPACE}}}data", dict(attributes), nsmap={None: _NAMESPACE, "orx": _OPENROSA})
    _child(root, f"{{{_NAMESPACE}}}base64EncryptedKey", sealed_key)
    _child(_child(root, f"{{{_OPENROSA}}}meta"), f"{{{_OPENROSA}}}instanceID", instance_id)
    for name in names[:-1]:
        _child(_child(root, f"{{{_NAMESPACE}}}media"), f"{{{_NAMESPACE}}}file", name)
    _child(root, f"{{{_NAMESPACE}}}encryptedXmlFile", names[-1])
    _child(root, f"{{{_NAMESPACE}}}base64EncryptedElementSignature", signature)
    return tostring(root, xml_declaration=True, encoding="UTF-8")


def _child(parent: _Element, tag: str, text: str | None = None) -> _Element:
    child = parent.makeelement(tag)
    child.text = text
    parent.append(child)
    return child
