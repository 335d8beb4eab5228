"""From an XLSForm to checked tables, a warehouse and a report."""

__version__ = "0.2.0"
