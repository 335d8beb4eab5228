"""The fake KoboToolbox."""

from tracer_etl.testing.kobo.change import Pending, Refusal
from tracer_etl.testing.kobo.server import FakeKobo
from tracer_etl.testing.kobo.state import Truth

__all__ = ["FakeKobo", "Pending", "Refusal", "Truth"]
