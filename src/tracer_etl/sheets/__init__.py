"""Spreadsheets as offices keep them: files to grids of cells, grids to tables with named fields."""

from tracer_etl.sheets.grids import Cell, Grid, read_grids
from tracer_etl.sheets.tables import DATA, Line, Reader, read_lines

__all__ = ["DATA", "Cell", "Grid", "Line", "Reader", "read_grids", "read_lines"]
