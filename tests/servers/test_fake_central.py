"""The fake ODK Central against the recorded one."""

from __future__ import annotations

import pytest

from central_recordings import RECORDINGS, Recorded, keys_of, rebuild, replay, same_frame, shape
from tracer_etl.testing.central import FakeCentral

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")

# Written byte for byte as recorded, when all had been sent.
LATE = """
    045-fields-v1 045-fields-v2 061-odata-deleted
    100-odata-service 105-odata-expand-page1 105-odata-expand-page2 107-subtable-all 108-subsubtable-all
    113-skipbeyond 113b-skipbeyond-next 117-skiptoken-unknown 118b-skiptoken-purged
    149-filter-updated-or 286-odata-no-uuid-prefix 290-odata-id-listing 291-odata-incremental-page1
    064-submissions-deleted-true
""".split()

# Byte for byte as recorded a little earlier.
EARLY = """
    063-deleted-get-attachments 063-deleted-get-meta 063-deleted-get-versions 063-deleted-get-xml
    102-odata-all 103-odata-page1 104-odata-page2 104-odata-page3
    110-top0 111-topneg 112-topabc 114-skipneg 115-skiptoken-bad
    116-skiptoken-bad2 118-skiptoken-deleted 119-orderby-skiptoken 120-orderby
    121-orderby-updated 122-orderby-field 130-filter-date 131-filter-date-offset
    132-filter-date-plus-raw 133-filter-dateonly 134-filter-quoted
    135-filter-baddate 136-filter-bare 137-filter-field 138-filter-syntax 139-filter-contains
    140-filter-year 141-filter-now 142-filter-review 143-filter-reviewnull 144-filter-reviewbad
    145-filter-submitter 146-filter-submitter-bad 147-filter-id 148-filter-updated
    150-filter-edits 151-filter-formversion 155-select-system 156-select-unknown 157-select-old
    158-select-group 159-select-repeat 160-select-repeatchild 161-expand-named 162-unknown-option
    170-single-expand-norepeat 171-single-expand-repeats 172-single-edited 173-single-bigint
    174-single-text 175-single-tz 176-wkt 180-subtable 181-subsubtable 182-subtable-page2
    183-subtable-badtoken 184-subtable-filter 185-subtable-filter-plain 186-subtable-unknown
    187-single-subtable 188-404-form 189-404-project 190-404-route 191-bad-version 192-no-version
    200-401-none 201-401-bad-token 202-projects-anon 203-basic-http 204-basic-https 205-basic-wrong
    209-appuser-badkey 211-401-logged-out 233-csv-root-filter 240-rest-list 241-rest-list-extended
    242-rest-get 245-rest-redirect
    250-attachments 251-attachment-get 253-attachments-missing 254-attachment-missing-get
    255-attachment-unknown 265-audits-badstart
""".split()

# Something else was recorded with it (times, other forms' rows): the shape and all headers are compared.
SHAPED = """
    006-form-get-extended 244-rest-versions 044-form-versions 101-odata-metadata 231-csv-zip-options 232-csv-zip-noatt
    243-rest-xml 246-rest-version-xml 261-audits-delete 264-audits-start 270-geojson
""".split()


@pytest.fixture(scope="module")
def central():
    with FakeCentral() as server:
        rebuild(server)
        yield server


@pytest.fixture(scope="module")
def earlier():
    with FakeCentral() as server:
        rebuild(server, until="2026-11-24T05:37")
        yield server


def to_the_byte(server: FakeCentral, name: str) -> None:
    recorded = Recorded.read(name)
    answer = replay(server, recorded)
    same_frame(answer, recorded)
    if recorded.headers.get("Content-Type", "").startswith("image/"):
        assert answer.content == recorded.body
    else:
        assert answer.content.decode() == recorded.body.decode()


@pytest.mark.parametrize("name", LATE)
def test_answers_to_the_byte(central, name):
    to_the_byte(central, name)


@pytest.mark.parametrize("name", EARLY)
def test_answered_to_the_byte_before(earlier, name):
    to_the_byte(earlier, name)


@pytest.mark.parametrize("name", SHAPED)
def test_answers_in_the_recorded_shape(central, name):
    recorded = Recorded.read(name)
    answer = replay(central, recorded)
    same_frame(answer, recorded)
    if recorded.body[:1] in (b"{", b"["):
        assert keys_of(shape(answer.json())) == keys_of(shape(recorded.json()))
    else:
        assert answer.content[:5] == recorded.body[:5]
