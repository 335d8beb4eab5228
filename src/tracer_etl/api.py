"""What an analyst imports: forms as objects, clean tables as pandas frames with their labels.

Use it through the package, which loads nothing until it is called:

>>> import tracer_etl
>>> sorted(name for name in dir(tracer_etl) if name.startswith("read_"))
['read_form', 'read_tables']
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tracer_etl.form import read_form as _read_form

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from tracer_etl.exports.published import Published
    from tracer_etl.questions import Form
    from tracer_etl.warehouse.dictionary import Dataset, Dictionary, Variable

__all__ = ["read_form", "read_tables"]


def read_form(path: str | Path, media: str | Path | None = None) -> Form:
    """Read an XLSForm (.xlsx, .xls, .csv, .md) or an XForm (.xml); `media` holds its CSV files.

    Raises:
        FormError: no such file, or the form does not compile; the message names sheet and row.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "visit.md"
    ...     _ = path.write_text('''
    ... | survey  |               |      |       |
    ... |         | type          | name | label |
    ... |         | select_one yn | work | Work? |
    ... | choices |               |      |       |
    ... |         | list_name     | name | label |
    ... |         | yn            | 1    | Yes   |
    ... |         | yn            | 0    | No    |
    ... ''')
    ...     form = read_form(path)
    >>> form.questions[0].name, form.questions[0].kind, form.lists["yn"].values()
    ('work', 'select_one', ('1', '0'))
    """
    return _read_form(Path(path), None if media is None else Path(media))


def read_tables(warehouse: str | Path, form_id: str, labels: str | None = None) -> dict[str, DataFrame]:
    """Read all clean tables of a form from the published copy: name -> one row per submission or repeat.

    Whole numbers are nullable (Int64), yes/no is boolean, dates are datetime64[s], date-times carry the
    study's time zone, all else is text ("007" stays "007"). With `labels` (a language, such as "en") a
    select_one is a categorical of labels in the form's order, and the labels of a select_multiple are joined
    by "; ". `frame.attrs` holds form_id, table, title, timezone, `labels` (column -> label) and `codes`
    (column -> value -> label), in that language or the form's default.

    Raises:
        WarehouseError: it cannot be read, or is not the published copy.
        StudyError: no such form, or no such language; the message lists what there is.

    Joining a repeat to its submission:

        tables = tracer_etl.read_tables("var/tracer.duckdb", "alumni_tracer", labels="en")
        jobs = tables["alumni_tracer__job"].merge(tables["alumni_tracer"], on="_submission_id")
    """
    from tracer_etl.exports.published import Published

    with Published(Path(warehouse)) as copy:
        [dictionary] = copy.forms([form_id])
        language = dictionary.language(labels or "")
        return {
            dataset.name: _frame(copy, dictionary, dataset, language, labelled=labels is not None)
            for dataset in dictionary.datasets
        }


def _frame(
    copy: Published, dictionary: Dictionary, dataset: Dataset, language: str, *, labelled: bool
) -> DataFrame:
    frame = copy.frame(dataset)
    for variable in dataset.variables:
        column = frame[variable.name]
        if variable.sql_type == "DATE":
            frame[variable.name] = column.astype("datetime64[s]")
        elif labelled and variable.codes:
            frame[variable.name] = _labelled(dictionary, variable, language, column)
    frame.attrs = {
        "form_id": dictionary.form_id,
        "table": dataset.name,
        "title": dictionary.label(dataset.labels, language) or dataset.name,
        "timezone": copy.timezone,
        "labels": {v.name: dictionary.label(v.labels, language) or v.name for v in dataset.variables},
        "codes": {v.name: _codes(dictionary, v, language) for v in dataset.variables if v.codes},
    }
    return frame


def _codes(dictionary: Dictionary, variable: Variable, language: str) -> dict[str, str]:
    """Map values to labels; two values of one label keep apart by their value."""
    labels = {code.value: dictionary.label(code.labels, language) or code.value for code in variable.codes}
    said = list(labels.values())
    return {
        value: f"{label} [{value}]" if said.count(label) > 1 else label for value, label in labels.items()
    }


def _labelled(dictionary: Dictionary, variable: Variable, language: str, column: Series) -> Series:
    import pandas as pd

    from tracer_etl.warehouse.labels import JOINED

    labels = _codes(dictionary, variable, language)
    if variable.kind == "select_one":
        unlisted = sorted(set(column.dropna()) - set(labels))
        categories = pd.CategoricalDtype([*labels.values(), *unlisted])
        return column.map(lambda value: labels.get(value, value), na_action="ignore").astype(categories)
    tokens = column.str.split(" ")
    return tokens.map(
        lambda chosen: JOINED.join(labels.get(value, value) for value in chosen), na_action="ignore"
    )
