"""A loopback ODK Central v2026.2.2, as recorded: reads, writes, entities, and its traps."""

from tracer_etl.testing.central.server import FakeCentral
from tracer_etl.testing.central.state import Pending, Truth

__all__ = ["FakeCentral", "Pending", "Truth"]
