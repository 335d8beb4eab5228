"""Encrypted submissions: opened whole, or refused by name; checked against openssl and Java.

`python tests/test_decryption.py` makes the vectors anew, with openssl alone.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_etl.errors import StudyError, SubmissionError
from tracer_etl.servers.decryption import PrivateKey, decrypt, files_needed, is_encrypted, read_private_key
from tracer_etl.testing.encryption import encrypt, key_pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ROOT = Path(__file__).parents[1]
VECTORS = Path(__file__).parent / "vectors" / "encrypted"
RECORDINGS = ROOT / "../shared/servers/recordings/kobo"
FORM = {
    "form_id": "visit",
    "version": "2026112401",
    "instance_id": "uuid:5b1f0c3e-1111-4222-8333-944455566677",
}
TOLD = "Sri Lestari, 0812000000001"
ANSWERS = (
    '<data id="visit" version="2026112401" xmlns:orx="http://openrosa.org/xforms"><who>'
    f"{TOLD}</who><orx:meta><orx:instanceID>{FORM['instance_id']}</orx:instanceID></orx:meta></data>"
).encode()
PHOTO = bytes(range(256)) * 9
MEDIA = {"photo.jpg": PHOTO, "voice.m4a": b"m4a", "empty.csv": b""}
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


class Tool(Protocol):
    """Somebody else's RSA and AES."""

    def seal(self, public_der: bytes, content: bytes) -> bytes: ...
    def aes(self, key: bytes, iv: bytes, content: bytes) -> bytes: ...


class Openssl:
    """The command line; it has RSA-OAEP and AES-CFB, but no padding for CFB."""

    def seal(self, public_der: bytes, content: bytes) -> bytes:
        public = _pipe(["pkey", "-pubin", "-inform", "DER"], public_der)
        options = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"]
        chosen = [word for option in options for word in ("-pkeyopt", option)]
        with _file(public) as path:
            return _pipe(["pkeyutl", "-encrypt", "-pubin", "-inkey", path, *chosen], content)

    def aes(self, key: bytes, iv: bytes, content: bytes) -> bytes:
        missing = 16 - len(content) % 16
        padded = content + bytes([missing] * missing)
        return _pipe(["enc", "-aes-256-cfb", "-nopad", "-K", key.hex(), "-iv", iv.hex()], padded)


class Java:
    """The algorithms by the names the specification gives them."""

    def __init__(self) -> None:
        from tracer_etl.collect import jvm

        jvm.start()
        self.java = jvm.java

    def seal(self, public_der: bytes, content: bytes) -> bytes:
        factory = self.java("java.security.KeyFactory").getInstance("RSA")
        key = factory.generatePublic(self.java("java.security.spec.X509EncodedKeySpec")(public_der))
        oaep = self.java("javax.crypto.spec.OAEPParameterSpec")(
            "SHA-256",
            "MGF1",
            self.java("java.security.spec.MGF1ParameterSpec").SHA256,
            self.java("javax.crypto.spec.PSource$PSpecified").DEFAULT,
        )
        cipher = self.java("javax.crypto.Cipher").getInstance("RSA/ECB/OAEPWithSHA-256AndMGF1Padding")
        cipher.init(1, key, oaep)
        return bytes(cipher.doFinal(content))

    def aes(self, key: bytes, iv: bytes, content: bytes) -> bytes:
        cipher = self.java("javax.crypto.Cipher").getInstance("AES/CFB/PKCS5Padding")
        spec = self.java("javax.crypto.spec.SecretKeySpec")(key, "AES")
        cipher.init(1, spec, self.java("javax.crypto.spec.IvParameterSpec")(iv))
        return bytes(cipher.doFinal(content))


def _pipe(arguments: list[str], given_bytes: bytes) -> bytes:
    return subprocess.run(["openssl", *arguments], input=given_bytes, capture_output=True, check=True).stdout


class _file:  # noqa: N801 - reads as a function
    """A file that lasts as long as the `with` block."""

    def __init__(self, content: bytes) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "public.pem"
        self.path.write_bytes(content)

    def __enter__(self) -> str:
        return str(self.path)

    def __exit__(self, *_: object) -> None:
        self.folder.cleanup()


def md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def device(tool: Tool, public_key: str, media: dict[str, bytes], aes_key: bytes) -> tuple[bytes, dict]:
    """Do what Collect does, step by step as the specification lists the steps, in Collect's own layout."""
    public = base64.b64decode(public_key)
    # "calculate md5 digest of instanceID and the AES encryption key"
    seed = md5(FORM["instance_id"].encode() + aes_key)
    sealed_key = base64.b64encode(tool.seal(public, aes_key)).decode()
    signed = f"{FORM['form_id']}\n{FORM['version']}\n{sealed_key}\n{FORM['instance_id']}\n"
    encrypted = {}
    for number, (name, content) in enumerate([*media.items(), ("submission.xml", ANSWERS)]):
        # File n has raised byte 0, byte 1, ... byte n, beginning anew after byte 15: how often each?
        raised = [sum(1 for step in range(number + 1) if step % 16 == place) for place in range(16)]
        iv = bytes((byte + times) % 256 for byte, times in zip(seed, raised, strict=True))
        encrypted[f"{name}.enc"] = tool.aes(aes_key, iv, content)
        signed += f"{name}::{md5(content).hex()}\n"
    signature = base64.b64encode(tool.seal(public, md5(signed.encode()))).decode()
    listed = "".join(f"<media><file>{name}.enc</file></media>\n" for name in media)
    manifest = (
        f'<data xmlns="http://www.opendatakit.org/xforms/encrypted" id="{FORM["form_id"]}" '
        f'version="{FORM["version"]}" encrypted="yes"><base64EncryptedKey>{sealed_key}</base64EncryptedKey>'
        f'<orx:meta xmlns:orx="http://openrosa.org/xforms"><orx:instanceID>{FORM["instance_id"]}'
        f"</orx:instanceID></orx:meta>\n{listed}<encryptedXmlFile>submission.xml.enc</encryptedXmlFile>"
        f"<base64EncryptedElementSignature>{signature}</base64EncryptedElementSignature></data>"
    )
    return manifest.encode(), encrypted


def overflowing_key() -> bytes:
    """Find an AES key whose first initialization vector begins with 255 + 1."""
    keys = (hashlib.sha256(str(number).encode()).digest() for number in count())
    return next(k for k in keys if md5(FORM["instance_id"].encode() + k)[0] == 255)


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, str]:
    return key_pair()


@pytest.fixture(scope="module")
def key(pair: tuple[bytes, str], tmp_path_factory: pytest.TempPathFactory) -> PrivateKey:
    path = tmp_path_factory.mktemp("keys") / "private.pem"
    path.write_bytes(pair[0])
    return read_private_key(path)


@pytest.fixture(scope="module")
def sent(pair: tuple[bytes, str]) -> tuple[bytes, dict[str, bytes]]:
    return encrypt(ANSWERS, MEDIA, pair[1], **FORM)


# What other people's tools encrypted


def test_a_vector_made_by_openssl_opens():
    files = {path.name: path.read_bytes() for path in VECTORS.glob("*.enc")}
    manifest = (VECTORS / "submission.xml").read_bytes()
    opened = decrypt(manifest, files, read_private_key(VECTORS / "key.pem"))
    assert opened.xml == ANSWERS
    assert opened.files == MEDIA
    assert list(opened.files) == list(MEDIA)


@needs_openssl
def test_what_openssl_encrypts_opens(pair, key):
    media = {f"{number}.jpg": PHOTO[:number] for number in range(18)}
    opened = decrypt(*device(Openssl(), pair[1], media, overflowing_key()), key)
    assert (opened.xml, opened.files) == (ANSWERS, media)


@pytest.mark.java
def test_what_java_encrypts_by_the_names_of_the_specification_opens(pair, key):
    media = {f"{number}.jpg": PHOTO[: number * 7] for number in range(35)}
    opened = decrypt(*device(Java(), pair[1], media, overflowing_key()), key)
    assert (opened.xml, opened.files) == (ANSWERS, media)


@needs_openssl
def test_openssl_opens_what_our_own_device_encrypts(pair, sent, tmp_path):
    (tmp_path / "key.pem").write_bytes(pair[0])
    sealed = base64.b64decode(re.findall(rb"<base64EncryptedKey>(.*?)<", sent[0])[0])
    options = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"]
    chosen = [word for option in options for word in ("-pkeyopt", option)]
    aes_key = _pipe(["pkeyutl", "-decrypt", "-inkey", str(tmp_path / "key.pem"), *chosen], sealed)
    seed = bytearray(md5(FORM["instance_id"].encode() + aes_key))
    for number, (name, content) in enumerate([*MEDIA.items(), ("submission.xml", ANSWERS)]):
        seed[number] = (seed[number] + 1) % 256
        words = ["enc", "-d", "-aes-256-cfb", "-nopad", "-K", aes_key.hex(), "-iv", bytes(seed).hex()]
        padded = _pipe(words, sent[1][f"{name}.enc"])
        assert padded[: -padded[-1]] == content


def test_a_key_sealed_with_sha1_for_mgf1_is_not_taken(pair, sent, key):
    public = serialization.load_der_public_key(base64.b64decode(pair[1]))
    wrong = public.encrypt(bytes(32), padding.OAEP(padding.MGF1(SHA1()), SHA256(), None))  # noqa: S303 - the very mistake
    with pytest.raises(SubmissionError, match="another key"):
        decrypt(_with_text(sent[0], "base64EncryptedKey", wrong), sent[1], key)


# Round trips

names = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="/\\"),
    min_size=1,
    max_size=30,
).filter(lambda name: name not in {".", "..", "submission.xml"})
words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


@settings(max_examples=150, deadline=None)
@given(
    xml=st.binary(max_size=300),
    files=st.dictionaries(names, st.binary(max_size=100), max_size=20),
    form_id=words,
    version=st.none() | words,
    instance_id=words,
)
def test_round_trip(pair, key, xml, files, form_id, version, instance_id):
    manifest, encrypted = encrypt(
        xml, files, pair[1], form_id=form_id, version=version, instance_id=instance_id
    )
    assert is_encrypted(manifest)
    assert files_needed(manifest) == tuple(encrypted)
    opened = decrypt(manifest, encrypted, key)
    assert (opened.xml, opened.files) == (xml, files)
    assert list(opened.files) == list(files)


def test_files_that_nobody_asked_for_are_left_alone(sent, key):
    assert decrypt(sent[0], {**sent[1], "other.enc": b"?"}, key).files == MEDIA


def test_a_pretty_printed_manifest_opens(sent, key):
    pretty = re.sub(rb">(?=[^<\s])", b">\n    ", re.sub(rb"(?<=[^>\s])</", b"\n  </", sent[0]))
    assert pretty.count(b"\n") > sent[0].count(b"\n") + 10
    assert decrypt(pretty, sent[1], key).xml == ANSWERS


def test_several_files_in_one_media_element_are_read_in_order(sent, key):
    assert decrypt(sent[0].replace(b"</media><media>", b""), sent[1], key).files == MEDIA


def test_an_instance_id_on_the_root_counts_when_there_is_no_other(sent, key):
    where = f'encrypted="yes" instanceID="{FORM["instance_id"]}"'.encode()
    bare = re.sub(rb"<orx:meta>.*</orx:meta>", b"", sent[0].replace(b'encrypted="yes"', where))
    assert b"orx:instanceID" not in bare
    assert decrypt(bare, sent[1], key).xml == ANSWERS


@pytest.mark.parametrize("signed_as", [None, ""], ids=["no line, as Enketo", "an empty line, as Collect"])
def test_an_empty_version_is_signed_either_way(pair, key, signed_as):
    manifest, files = encrypt(ANSWERS, {}, pair[1], **{**FORM, "version": signed_as})
    empty = (
        manifest if signed_as == "" else manifest.replace(b'encrypted="yes"', b'encrypted="yes" version=""')
    )
    assert b'version=""' in empty
    assert decrypt(empty, files, key).xml == ANSWERS


def test_a_signature_broken_into_lines_opens(sent, key):
    [signature] = re.findall(rb"Signature>(.+?)<", sent[0])
    lines = base64.encodebytes(base64.b64decode(signature))
    assert lines.count(b"\n") > 3
    assert decrypt(sent[0].replace(signature, lines), sent[1], key).xml == ANSWERS


# Refusals


def test_a_version_that_was_not_signed_is_noticed(pair, key):
    manifest, files = encrypt(ANSWERS, {}, pair[1], **{**FORM, "version": None})
    added = manifest.replace(b'encrypted="yes"', b'encrypted="yes" version="2"')
    with pytest.raises(SubmissionError, match="signature does not match"):
        decrypt(added, files, key)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_other_byte_in_any_file_is_noticed(sent, key, data):
    name = data.draw(st.sampled_from(sorted(sent[1])))
    place = data.draw(st.integers(0, len(sent[1][name]) - 1))
    changed = bytearray(sent[1][name])
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SubmissionError) as caught:
        decrypt(sent[0], {**sent[1], name: bytes(changed)}, key)
    assert_discreet(caught.value)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_another_byte_in_the_manifest_is_noticed_or_changes_nothing(sent, key, data):
    changed = bytearray(sent[0])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        opened = decrypt(bytes(changed), sent[1], key)
    except SubmissionError as error:
        assert_discreet(error)
    else:
        assert (opened.xml, opened.files) == (ANSWERS, MEDIA)


@pytest.mark.parametrize("length", [0, 1, 15, 16, -16, -1])
def test_a_file_that_was_cut_off_is_noticed(sent, key, length):
    cut = {**sent[1], "photo.jpg.enc": sent[1]["photo.jpg.enc"][:length]}
    with pytest.raises(SubmissionError, match=r"photo\.jpg\.enc is damaged|signature does not match"):
        decrypt(sent[0], cut, key)


def test_two_files_that_changed_places_are_noticed(pair, key):
    manifest, files = encrypt(ANSWERS, {"a.jpg": PHOTO, "b.jpg": PHOTO}, pair[1], **FORM)
    swapped = {**files, "a.jpg.enc": files["b.jpg.enc"], "b.jpg.enc": files["a.jpg.enc"]}
    with pytest.raises(SubmissionError):
        decrypt(manifest, swapped, key)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        (b'id="visit"', b'id="visit2"'),
        (b'version="2026112401"', b'version="2026112402"'),
        (b' version="2026112401"', b""),
        (FORM["instance_id"].encode(), b"uuid:00000000-1111-4222-8333-944455566677"),
        (b"photo.jpg.enc", b"PHOTO.jpg.enc"),
    ],
)
def test_what_the_manifest_says_is_signed_too(sent, key, true, false):
    assert sent[0].count(true) == 1
    files = {**sent[1], "PHOTO.jpg.enc": sent[1]["photo.jpg.enc"]}
    with pytest.raises(SubmissionError):
        decrypt(sent[0].replace(true, false), files, key)


def test_the_signature_of_another_submission_is_not_taken(pair, sent, key):
    other, _ = encrypt(ANSWERS + b" ", MEDIA, pair[1], **FORM)
    foreign = re.findall(rb"Signature>(.+?)<", other)[0]
    with pytest.raises(SubmissionError, match="signature does not match"):
        decrypt(re.sub(rb"Signature>.+?<", b"Signature>" + foreign + b"<", sent[0]), sent[1], key)


@pytest.mark.parametrize("lost", [["voice.m4a.enc"], ["photo.jpg.enc", "submission.xml.enc"]])
def test_a_missing_file_is_named(sent, key, lost):
    with pytest.raises(SubmissionError, match=f"{', '.join(lost)} is missing; wait for") as caught:
        decrypt(sent[0], {name: sent[1][name] for name in sent[1] if name not in lost}, key)
    assert caught.value.where == f"submission {FORM['instance_id']}"


def test_another_private_key_is_told_from_damage(sent, tmp_path):
    (tmp_path / "other.pem").write_bytes(key_pair()[0])
    with pytest.raises(SubmissionError, match=r"encrypted for another key; .*other\.pem") as caught:
        decrypt(*sent, read_private_key(tmp_path / "other.pem"))
    assert_discreet(caught.value)


@pytest.mark.parametrize(
    ("element", "content", "what"),
    [
        ("base64EncryptedKey", bytes(16), "not one of 256 bits"),
        ("base64EncryptedElementSignature", bytes(16), "signature does not match"),
        ("base64EncryptedElementSignature", b"", "signature does not match"),
    ],
)
def test_well_sealed_nonsense_is_refused(sent, key, element, content, what):
    oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
    sealed = key.rsa.public_key().encrypt(content, oaep)
    with pytest.raises(SubmissionError, match=what):
        decrypt(_with_text(sent[0], element, sealed), sent[1], key)


@pytest.mark.parametrize("text", [b"", b"no base64!", "kunci-ké".encode(), b"c3lu"])
@pytest.mark.parametrize("element", ["base64EncryptedKey", "base64EncryptedElementSignature"])
def test_a_key_or_signature_that_is_none_is_refused(sent, key, element, text):
    manifest = re.sub(f"<{element}>.*?<".encode(), b"<" + element.encode() + b">" + text + b"<", sent[0])
    with pytest.raises(SubmissionError, match=rf"lacks {element}|another key|signature is damaged"):
        decrypt(manifest, sent[1], key)


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (rb' id="visit"', "lacks id"),
        (rb"<orx:meta>.*</orx:meta>", "lacks instanceID"),
        (rb"<base64EncryptedKey>.*</base64EncryptedKey>", "lacks base64EncryptedKey"),
        (
            rb"<base64EncryptedElement.*</base64EncryptedElementSignature>",
            "lacks base64EncryptedElementSignature",
        ),
        (rb"<encryptedXmlFile>.*</encryptedXmlFile>", "lacks encryptedXmlFile"),
        (rb"(?<=<file>)voice.m4a.enc", "lacks file"),
        (rb' encrypted="yes"', "not the manifest of an encrypted submission"),
        (rb"</data>", "not well-formed XML"),
    ],
)
def test_a_manifest_without_a_part_is_refused(sent, key, pattern, what):
    less, times = re.subn(pattern, b"", sent[0])
    assert times == 1
    for use in (files_needed, lambda manifest: decrypt(manifest, sent[1], key)):
        with pytest.raises(SubmissionError, match=what):
            use(less)


def test_a_file_named_twice_is_refused(sent):
    again = sent[0].replace(b"voice.m4a.enc", b"photo.jpg.enc")
    with pytest.raises(SubmissionError, match=r"names photo\.jpg twice"):
        files_needed(again)


@pytest.mark.parametrize("name", ["../voice.m4a.enc", "/etc/voice.enc", "a\\b.enc", "...enc", ".enc"])
def test_a_name_that_leads_elsewhere_is_refused(sent, name):
    with pytest.raises(SubmissionError, match="names a path instead of a file"):
        files_needed(sent[0].replace(b"voice.m4a.enc", name.encode()))


def assert_discreet(error: SubmissionError) -> None:
    """See that neither the message nor what caused it tells an answer."""
    told = f"{error!r} {error} {error.__cause__!r} {error.__context__!r}"
    assert not any(word in told for word in ("Sri", "Lestari", "0812", "<who>"))


def test_neither_a_key_nor_what_was_opened_shows_itself(sent, key):
    numbers = key.rsa.private_numbers()
    assert repr(key) == f"PrivateKey(where={key.where!r})"
    assert repr(decrypt(*sent, key)) == "Decrypted()"
    shown = f"{key} {decrypt(*sent, key)}"
    assert not any(str(secret) in shown for secret in (numbers.p, numbers.q, numbers.d))
    assert TOLD not in shown


# Manifests


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        (b"<?xml version='1.0'?>\n<data encrypted='yes'/>", True),
        (b"\xef\xbb\xbf<data encrypted='yes' id='x'><a/>", True),
        ("<?xml version='1.0' encoding='UTF-16'?><data encrypted='yes'/>".encode("utf-16"), True),
        (b"<!--" + b" long" * 5000 + b"--><data id='x' encrypted='yes'/>", True),
        (b"<data encrypted='no'/>", False),
        (b"<data id='x'><group encrypted='yes'/></data>", False),
        (ANSWERS, False),
        (b"", False),
        (b"GIF89a encrypted='yes'", False),
        (b"<data encrypted='yes", False),
    ],
)
def test_encrypted_submissions_are_recognised(xml, expected):
    assert is_encrypted(xml) is expected


def test_files_come_in_the_order_of_encryption(sent):
    manifest = re.sub(rb"(<media>.*</media>)(<encryptedXmlFile>.*</encryptedXmlFile>)", rb"\2\1", sent[0])
    assert manifest != sent[0]
    assert files_needed(manifest) == ("photo.jpg.enc", "voice.m4a.enc", "empty.csv.enc", "submission.xml.enc")


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")
def test_the_manifest_that_kobotoolbox_was_sent_is_read(key):
    request = (RECORDINGS / "submission_encrypted.request.txt").read_bytes()
    manifest = re.findall(rb"<data .*</data>", request, re.DOTALL)[0]
    assert is_encrypted(manifest)
    assert files_needed(manifest) == ("submission.xml.enc",)
    with pytest.raises(SubmissionError, match="another key"):
        decrypt(manifest, {"submission.xml.enc": bytes(64)}, key)


# Private keys


PKCS1, PKCS8 = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8


def _pem(
    private: RSAPrivateKey | ec.EllipticCurvePrivateKey, shape: serialization.PrivateFormat, word: str
) -> bytes:
    lock = serialization.BestAvailableEncryption(word.encode()) if word else serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, shape, lock)


@pytest.mark.parametrize("shape", [PKCS1, PKCS8])
@pytest.mark.parametrize(("word", "given_word"), [("", ""), ("", "needless"), ("rahasia é", "rahasia é")])
def test_keys_are_read_in_every_usual_shape(sent, key, tmp_path, shape, word, given_word):
    (tmp_path / "key.pem").write_bytes(b"Some words before.\n" + _pem(key.rsa, shape, word))
    assert decrypt(*sent, read_private_key(tmp_path / "key.pem", given_word)).xml == ANSWERS


@pytest.mark.parametrize("shape", [PKCS1, PKCS8])
@pytest.mark.parametrize(
    ("given_word", "what"), [("", "locked; give its"), ("salah", "check the passphrase")]
)
def test_a_locked_key_asks_for_its_passphrase(key, tmp_path, shape, given_word, what):
    (tmp_path / "key.pem").write_bytes(_pem(key.rsa, shape, "rahasia"))
    with pytest.raises(StudyError, match=what) as caught:
        read_private_key(tmp_path / "key.pem", given_word)
    assert "rahasia" not in f"{caught.value!r} {caught.value.__cause__!r}"


def _public(key: PrivateKey) -> bytes:
    encoding, shape = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.rsa.public_key().public_bytes(encoding, shape)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (_public, "a public key, not the private one"),
        (lambda _: b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A", "no key in PEM form"),
        (lambda _: b"", "no key in PEM form"),
        (lambda key: _pem(key.rsa, PKCS8, "")[:900], "no key in PEM form|cannot be read"),
        (lambda key: _pem(key.rsa, PKCS8, "").replace(b"\nMII", b"\nMIJ"), "cannot be read"),
        (lambda _: _pem(ec.generate_private_key(ec.SECP256R1()), PKCS8, ""), "not an RSA key"),
    ],
)
def test_what_is_no_private_key_is_refused(key, tmp_path, content: Callable[[PrivateKey], bytes], what):
    (tmp_path / "key.pem").write_bytes(content(key))
    with pytest.raises(StudyError, match=what) as caught:
        read_private_key(tmp_path / "key.pem")
    assert caught.value.where == str(tmp_path / "key.pem")


def test_a_key_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StudyError, match="No such file"):
        read_private_key(tmp_path / "key.pem")
    with pytest.raises(StudyError, match="Is a directory"):
        read_private_key(tmp_path)


# The guide


def test_the_guide_does_what_it_says(sent, pair, tmp_path, monkeypatch, capsys):
    guide = (ROOT / "docs/how-to/encrypted-forms.md").read_text(encoding="utf-8")
    [script] = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    (tmp_path / "instance").mkdir()
    (tmp_path / "private.pem").write_bytes(pair[0])
    for name, content in {"submission.xml": sent[0], **sent[1]}.items():
        (tmp_path / "instance" / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "encrypted-forms.md", "exec"), {})  # noqa: S102 - our own guide
    assert (tmp_path / "opened" / "submission.xml").read_bytes() == ANSWERS
    assert (tmp_path / "opened" / "photo.jpg").read_bytes() == PHOTO
    assert capsys.readouterr().out == ""


@needs_openssl
def test_the_commands_of_the_guide_make_a_pair(tmp_path):
    guide = (ROOT / "docs/how-to/encrypted-forms.md").read_text(encoding="utf-8")
    commands = re.search(r"```sh\n(openssl genpkey.*?)```", guide, re.DOTALL)
    assert commands is not None
    (tmp_path / "passphrase").write_text("rahasia\nrahasia\n")
    script = commands[1].replace("openssl genpkey", "openssl genpkey -pass file:passphrase")
    script = script.replace("openssl pkey ", "openssl pkey -passin file:passphrase ")
    done = subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, capture_output=True, check=True)
    public_key = done.stdout.decode().strip()
    sent = encrypt(ANSWERS, MEDIA, public_key, **FORM)
    assert decrypt(*sent, read_private_key(tmp_path / "private.pem", "rahasia")).files == MEDIA


def _with_text(manifest: bytes, element: str, sealed: bytes) -> bytes:
    text = base64.b64encode(sealed)
    return re.sub(f"(<{element}>).*?<".encode(), rb"\g<1>" + text + b"<", manifest)


if __name__ == "__main__":
    VECTORS.mkdir(parents=True, exist_ok=True)
    private = _pipe(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], b"")
    (VECTORS / "key.pem").write_bytes(b"Made for tests; it protects nothing.\n" + private)
    public_der = _pipe(["pkey", "-pubout", "-outform", "DER"], private)
    made = device(Openssl(), base64.b64encode(public_der).decode(), MEDIA, overflowing_key())
    for file_name, file_content in {"submission.xml": made[0], **made[1]}.items():
        (VECTORS / file_name).write_bytes(file_content)
