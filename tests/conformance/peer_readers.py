"""How each peer is used, by its own documentation; run by `peers.py` in the peer's own environment.

    python peer_readers.py NAME JOB.json SAID.json

Of every peer there are two functions: what the peer itself does (`*_read`), which is also what is timed for
`bench/from_kobo.py`, and what we make of it to compare it. A job names the server, the form, a folder that lasts
from one reading to the next, a database, the repeats' paths and the questions' types. Said is, as JSON: the peer's
version, what its own part cost, and per table (the name of its repeat; "" for submissions) its columns and its rows.
A row is `at` (the server's `_id`, then the repeats down to it with their positions, found through the peer's own
keys) and `cells` (a list, since a peer may have two columns of one name). Needs nothing of tracer_etl.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

Job = dict[str, Any]
Tables = dict[str, dict[str, Any]]
At = list[Any]


def plain(value: Any) -> Any:
    """Give a value as JSON that tells text from what a peer has typed."""
    item = value.item() if hasattr(value, "item") else value
    nothing = isinstance(item, float) and math.isnan(item)
    if item is None or nothing or type(item).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(item, str | int | float | list | bool):
        return item
    return {"typed": item.isoformat()} if hasattr(item, "isoformat") else {"typed": str(item)}


def table(rows: list[tuple[At, list[tuple[str, Any]]]], columns: list[str]) -> dict[str, Any]:
    """Make a table of the rows."""
    made = [{"at": at, "cells": [[name, plain(value)] for name, value in cells]} for at, cells in rows]
    return {"columns": columns, "rows": made}


def nested(results: list[dict[str, Any]], leaf_of: Any = lambda name: name) -> Tables:
    """Make tables of rows that hold their repeats as lists, as Kobo's JSON does."""
    found: dict[str, list[tuple[At, list[tuple[str, Any]]]]] = {"": []}

    def descend(name: str, at: At, record: dict[str, Any]) -> None:
        lists = {k: v for k, v in record.items() if isinstance(v, list) and not k.startswith("_")}
        inner = {k: v for k, v in lists.items() if v and isinstance(v[0], dict)}
        found.setdefault(name, []).append(
            (at, [(leaf_of(k), v) for k, v in record.items() if k not in inner])
        )
        for key, members in inner.items():
            step = key.split("/")[-1]
            for place, member in enumerate(members, 1):
                descend(step, [*at, [step, place]], member)

    for record in results:
        descend("", [record["_id"]], {k: v for k, v in record.items() if k != "_id"})
    return {name: table(rows, sorted({n for _, c in rows for n, _ in c})) for name, rows in found.items()}


# -- koboextractor: get_data, get_choices, get_questions, label_result, as its README shows


def koboextractor_read(job: Job) -> Any:
    from koboextractor import KoboExtractor

    kobo = KoboExtractor(job["token"], f"{job['url']}/api/v2")
    asset = kobo.get_asset(job["form"])
    # Its README calls get_choices always, which is a KeyError where a form has no lists: we spare it that.
    asset["content"].setdefault("choices", [])
    choices = kobo.get_choices(asset)
    questions = kobo.get_questions(asset=asset, unpack_multiples=True)
    received = kobo.get_data(job["form"], limit=30000)["results"]
    return [
        kobo.label_result(
            unlabeled_result=one, choice_lists=choices, questions=questions, unpack_multiples=True
        )
        for one in received
    ]


def koboextractor(job: Job, labelled: Any) -> Tables:
    del job
    return nested([{"_id": one["meta"]["_id"], **_answers(one["results"])} for one in labelled])


def _answers(results: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, one in results.items():
        if "answer_code" not in one:
            made[name] = [_answers(member) for member in one.values()]
        elif "choices" in one:
            made[name] = [code for code, choice in one["choices"].items() if choice["answer_code"]]
        else:
            made[name] = one["answer_code"]
    return made


# -- pykobo: Manager.get_form, fetch_data, .data and .repeats, as its README shows


def pykobo_read(job: Job) -> Any:
    import pykobo as peer

    form = peer.Manager(url=job["url"], api_version=2, token=job["token"]).get_form(job["form"])
    form.fetch_data()
    return form


def pykobo(job: Job, form: Any) -> Tables:
    multiples = {path.split("/")[-1] for path, kind in job["types"].items() if kind == "select_multiple"}
    ids = dict(zip(form.data["_index"], form.data["_id"], strict=True)) if len(form.data) else {}
    found = {"": _frame(form.data, lambda row: [int(row["_id"])], multiples)}
    for name, frame in form.repeats.items():
        places: dict[Any, int] = {}

        def at(row: Any, name: str = name, places: dict[Any, int] = places) -> At:
            parent = row["_parent_index"]
            places[parent] = places.get(parent, 0) + 1
            return [int(ids[parent]), [name, places[parent]]]

        found[name] = _frame(frame, at, multiples)
    return found


def _frame(frame: Any, at: Any, multiples: set[str]) -> dict[str, Any]:
    """Make a table of a pandas frame; pykobo joins the choices it split with `|`."""
    rows = []
    for _, row in frame.iterrows():
        cells = []
        for name, value in zip(frame.columns, row.tolist(), strict=True):
            split = value.split("|") if name in multiples and isinstance(value, str) else value
            cells.append((str(name), split))
        rows.append((at(row), cells))
    return table(rows, [str(name) for name in frame.columns])


# -- kobo2pandas: get_dataframes, which joins its frames by _index and _parent_index


def kobo2pandas_read(job: Job) -> Any:
    from kobo2pandas import KoboAPI

    return KoboAPI(job["token"], endpoint=job["url"]).get_dataframes(job["form"], limit=30000)


def kobo2pandas(job: Job, frames: Any) -> Tables:
    if frames is None:
        message = "get_dataframes gave None"
        raise RuntimeError(message)
    # The list has no names; a repeat's frame is told by its order, which is the order of the first row with one.
    names = ["", *(path.split("/")[-1] for path in sorted(job["repeats"], key=lambda p: p.count("/")))]
    ats: dict[str, dict[int, At]] = {}
    found: Tables = {}
    for name, frame in zip(names, frames, strict=False):
        parent = _parent_of(name, job["repeats"])
        places: dict[int, int] = {}
        ats[name], rows = {}, []
        for _, row in frame.iterrows():
            if not name:
                at = [int(row["_id"])]
            else:
                up = int(row["_parent_index"])
                places[up] = places.get(up, 0) + 1
                at = [*ats[parent][up], [name, places[up]]]
            ats[name][int(row["_index"])] = at
            rows.append((at, list(zip(map(str, frame.columns), row.tolist(), strict=True))))
        found[name] = table(rows, [str(column) for column in frame.columns])
    return found


def _parent_of(name: str, repeats: list[str]) -> str:
    path = next((one for one in repeats if one.split("/")[-1] == name), "")
    above = [one for one in repeats if path.startswith(f"{one}/")]
    return max(above, key=len).split("/")[-1] if above else ""


# -- dlt: its rest_api source with the JSON link paginator into DuckDB; merge on _id, or replace


def dlt_replace_read(job: Job) -> Any:
    return _dlt_read(job, "replace")


def dlt_merge_read(job: Job) -> Any:
    return _dlt_read(job, "merge")


def _dlt_read(job: Job, disposition: str) -> Path:
    import dlt
    from dlt.sources.rest_api import rest_api_source

    file = Path(job["folder"]) / "peer.duckdb"
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{job['url']}/api/v2/",
                "headers": {"Authorization": f"Token {job['token']}"},
                "paginator": {"type": "json_link", "next_url_path": "next"},
            },
            "resource_defaults": {"primary_key": "_id", "write_disposition": disposition},
            "resources": [
                {
                    "name": "submissions",
                    "endpoint": {
                        "path": f"assets/{job['form']}/data/",
                        "params": {"format": "json", "limit": 1000},
                        "data_selector": "results",
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "peer",
        pipelines_dir=f"{job['folder']}/dlt",
        dataset_name="kobo",
        destination=dlt.destinations.duckdb(str(file)),
    )
    pipeline.run(source).raise_on_failed_jobs()
    return file


def dlt(job: Job, file: Any) -> Tables:
    import duckdb

    leaves = {path.replace("/", "_"): path.split("/")[-1] for path in job["repeats"]}
    with duckdb.connect(str(file)) as connection:
        return _dlt_tables(connection, leaves)


def _dlt_tables(connection: Any, leaves: dict[str, str]) -> Tables:
    """Read dlt's tables, each row's parent found by _dlt_parent_id and _dlt_list_idx."""
    listed = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'kobo'"
    names = sorted(
        name for (name,) in connection.execute(listed).fetchall() if name.startswith("submissions")
    )
    ats: dict[str, At] = {}
    found: Tables = {}
    for name in sorted(names, key=lambda one: one.count("__")):
        relation = connection.execute(f'SELECT * FROM kobo."{name}"')
        columns = [column[0] for column in relation.description]
        last = name.split("__")[-1] if "__" in name else ""
        step, rows = leaves.get(last, last), []
        for values in relation.fetchall():
            row = dict(zip(columns, values, strict=True))
            at = [*ats[row["_dlt_parent_id"]], [step, row["_dlt_list_idx"] + 1]] if step else [row["_id"]]
            ats[row["_dlt_id"]] = at
            rows.append((at, list(row.items())))
        if not step.startswith("_"):
            found[step] = table(rows, columns)
    return found


# -- commcare-export: its SQL writer, fed with Kobo's rows, since it reads CommCare only


def commcare_typed_read(job: Job) -> Any:
    kinds = {"integer": "integer", "date": "date", "datetime": "datetime", "text": "text"}
    return _commcare_read(job, {path: kinds.get(kind) for path, kind in job["types"].items()})


def commcare_text_read(job: Job) -> Any:
    return _commcare_read(job, {})


def _commcare_read(job: Job, types: dict[str, str | None]) -> str:
    from commcare_export.specs import TableSpec
    from commcare_export.writers import SqlTableWriter

    address = job["database"].replace("postgresql:", "postgresql+psycopg2:")
    fed = nested(_all_pages(job))
    with SqlTableWriter(address) as writer:
        for name, one in fed.items():
            headings = [column for column in one["columns"] if not column.startswith("_")]
            rows = [
                [_key(row["at"]), *(dict(map(tuple, row["cells"])).get(h) for h in headings)]
                for row in one["rows"]
            ]
            kinds = [None, *(types.get(heading) for heading in headings)]
            writer.write_table(TableSpec(name or "submissions", ["id", *headings], rows, kinds))
    return str(address)


def commcare(job: Job, address: Any) -> Tables:
    import sqlalchemy
    from commcare_export.env import selected

    multiples = {path for path, kind in job["types"].items() if kind == "select_multiple"}
    found: Tables = {}
    engine = sqlalchemy.create_engine(address)
    with engine.connect() as connection:
        for name in sqlalchemy.inspect(engine).get_table_names():
            result = connection.execute(sqlalchemy.text(f'SELECT * FROM "{name}"'))
            columns = list(result.keys())
            read = []
            for values in result:
                row = dict(zip(columns, values, strict=True))
                for path in multiples & row.keys():
                    row[path] = [code for code in job["choices"] if selected(row[path], code)]
                read.append((json.loads(row["id"]), list(row.items())))
            found["" if name == "submissions" else name] = table(read, columns)
    return found


def _key(at: At) -> str:
    return json.dumps(at)


def _all_pages(job: Job) -> list[dict[str, Any]]:
    import requests

    address, found = f"{job['url']}/api/v2/assets/{job['form']}/data/?format=json&limit=1000", []
    while address:
        page = requests.get(address, headers={"Authorization": f"Token {job['token']}"}, timeout=60).json()
        found += page["results"]
        address = page["next"]
    return found


READERS = {
    "koboextractor": ("koboextractor", koboextractor_read, koboextractor),
    "pykobo": ("pykobo", pykobo_read, pykobo),
    "kobo2pandas": ("kobo2pandas", kobo2pandas_read, kobo2pandas),
    "dlt, replace": ("dlt", dlt_replace_read, dlt),
    "dlt, merge": ("dlt", dlt_merge_read, dlt),
    "commcare-export, typed": ("commcare-export", commcare_typed_read, commcare),
    "commcare-export, text": ("commcare-export", commcare_text_read, commcare),
}


def timed(read: Any, job: Job) -> tuple[Any, dict[str, float]]:
    """Let a peer do its part; importing is not counted. Memory is this process's own peak, in MB."""
    began, busy = time.perf_counter(), time.process_time()
    given = read(job)
    cost = {"cpu": time.process_time() - busy, "seconds": time.perf_counter() - began}
    # Not ru_maxrss, which begins with what the starting process had.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return given, {**cost, "peak": int(peak[1]) // 1024 if peak else 0}


def main() -> None:
    """Read once and write what was read."""
    package, read, shape = READERS[sys.argv[1]]
    job = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    said = {"version": metadata.version(package), "tables": {}, "error": "", "cost": {}}
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    try:
        importlib.import_module(package.replace("-", "_"))
        given, said["cost"] = timed(read, job)
        said["tables"] = shape(job, given)
    except Exception as error:  # noqa: BLE001 - a peer's failure is its result
        said["error"] = (
            f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
        )
    Path(sys.argv[3]).write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main()
