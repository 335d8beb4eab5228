"""Tiny stand-ins for the files a submission names: a grey pixel, an audit log."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta

# One grey pixel as baseline JPEG: quantisation of ones, one Huffman code per table.
_QUANTISATION = b"\xff\xdb\x00\x43\x00" + b"\x01" * 64
_FRAME = b"\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00"
_HUFFMAN = (
    b"\xff\xc4\x00\x14\x00\x01"
    + b"\x00" * 15
    + b"\x00"
    + b"\xff\xc4\x00\x14\x10\x01"
    + b"\x00" * 15
    + b"\x00"
)
_SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x3f"
_AUDIT_HEADER = "event,node,start,end,old-value,new-value"


def jpeg(name: str) -> bytes:
    """Return a JPEG of one pixel; its comment is the name, so no two files have the same checksum."""
    comment = name.encode()
    segment = b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
    return b"\xff\xd8" + segment + _QUANTISATION + _FRAME + _HUFFMAN + _SCAN + b"\xff\xd9"


def audit_log(begins: datetime, ends: datetime) -> bytes:
    """Return an audit.csv of Collect with the opening and the finalization, times in ms since 1970."""
    first, last = (round(moment.timestamp() * 1000) for moment in (begins, ends))
    saved = round((ends + timedelta(milliseconds=40)).timestamp() * 1000)
    rows = (
        f"form start,,{first},,,",
        f"form save,,{last},,,",
        f"form finalize,,{saved},,,",
        f"form exit,,{saved},,,",
    )
    return "\n".join((_AUDIT_HEADER, *rows, "")).encode()
