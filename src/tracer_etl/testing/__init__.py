"""Loopback servers that behave as KoboToolbox and ODK Central were recorded to behave, faults included."""

from tracer_etl.testing.central import FakeCentral
from tracer_etl.testing.kobo import FakeKobo
from tracer_etl.testing.loopback import Fault

__all__ = ["FakeCentral", "FakeKobo", "Fault"]
