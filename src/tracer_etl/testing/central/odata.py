"""OData over a form's submissions: pages, filters, subtables, and what is refused."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tracer_etl.testing.central import edmx
from tracer_etl.testing.central.answers import Problem, forbidden, moment, not_found
from tracer_etl.testing.central.filters import Column, read_filter, read_order
from tracer_etl.testing.central.paging import Paging, context, next_link, page
from tracer_etl.testing.central.people import may
from tracer_etl.testing.central.render import Place, Renderer, as_json, read_instance
from tracer_etl.testing.central.select import Selected, read_select
from tracer_etl.testing.central.state import event_tag
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.central.answers import Call
    from tracer_etl.testing.central.schema import Schema
    from tracer_etl.testing.central.state import Form, State, Submission

_PLAIN: dict[str, Column] = {
    "__id": ("text", lambda row: row.key),
    "__system/submissionDate": ("time", lambda row: row.first.created_at),
    "__system/updatedAt": ("time", lambda row: row.updated_at),
    "__system/deletedAt": ("time", lambda row: row.deleted_at),
    "__system/submitterId": ("integer", lambda row: row.first.submitter.number),
    "__system/reviewState": ("text", lambda row: row.review_state),
}
_ROOTED = {f"$root/Submissions/{name}": column for name, column in _PLAIN.items()}
_COLUMNS = {**_PLAIN, **_ROOTED}


# -- submissions


def read_form(state: State, call: Call) -> Form:
    """Find the form of an OData call for someone who may read it.

    Raises:
        Problem: 401.2, 403.1, 404.1.
    """
    form = state.form(call.parts["project"], unquote(call.parts["form"]))
    actor = may(call.actor, "viewer", "manager")
    if actor.device:
        raise forbidden()
    return form


def service(state: State, call: Call) -> Reply:
    """List the tables."""
    schema = read_form(state, call).current.schema
    tables = [{"name": name, "kind": "EntitySet", "url": name} for name in schema.tables]
    head = {"@odata.context": context(state, call, "").removesuffix("#"), "value": tables}
    kind = "application/json; charset=utf-8; odata.metadata=minimal"
    return Reply(200, as_json(head), {"Content-Type": kind})


def metadata(state: State, call: Call) -> Reply:
    """Describe the tables in EDMX."""
    form = read_form(state, call)
    kind = {"Content-Type": "application/xml; charset=utf-8"}
    return Reply(200, edmx.of_submissions(form.xml_id, form.current.schema), kind)


def check_expand(call: Call) -> bool:
    """Tell whether $expand=* is asked for.

    Raises:
        Problem: 501.6 another $expand, 501.11 $select with it.
    """
    expand = call.request.param("$expand")
    if expand and expand != "*":
        message = (
            f'The given OData expand expression is not supported by this server: "{expand}". '
            'Currently, only "$expand=*" is supported.'
        )
        raise Problem(501.6, message, {"text": expand}, bare=True)
    if expand and call.request.param("$select"):
        message = "This server doesn't support $select query parameter with $expand."
        raise Problem(501.11, message, bare=True)
    return bool(expand)


def submissions(state: State, call: Call) -> Reply:
    """Answer the root table or a subtable."""
    expand = check_expand(call)
    form = read_form(state, call)
    table = unquote(call.parts["table"])
    root = table == "Submissions"
    paging = Paging.of(call)
    if call.request.param("$orderby") and paging.token is not None:
        feature = "using $orderby and $skiptoken together"
        message = f"The requested feature {feature} is not supported by this server."
        raise Problem(501.1, message, {"feature": feature})
    rows = selection(form, call.request.param("$filter"), root=root)
    if order := call.request.param("$orderby"):
        rows = _sorted(rows, order)
    return _root(state, call, form, rows, expand=expand) if root else _sub(state, call, form, rows, table)


def selection(form: Form, text: str, *, root: bool = True, deleted: bool = False) -> list[Submission]:
    """Give the submissions a $filter keeps, newest first; naming deletedAt lets deleted ones in.

    Raises:
        Problem: as the filter's reader.
    """
    known = form.selections.get((text, root, deleted))
    if known and known[0] == form.serial:
        return known[1]
    if text:
        condition = read_filter(text, _COLUMNS if root else _ROOTED)
        every = any(name.endswith("deletedAt") for name in condition.names)
        rows = [row for row in form.rows if (every or not row.deleted_at) and condition.keeps(row)]
    else:
        rows = [row for row in form.rows if bool(row.deleted_at) == deleted]
    form.selections = {key: value for key, value in form.selections.items() if value[0] == form.serial}
    form.selections[(text, root, deleted)] = (form.serial, rows)
    return rows


def _sorted(rows: list[Submission], order: str) -> list[Submission]:
    keys = read_order(order, _COLUMNS)
    result = sorted(rows, key=lambda row: row.number, reverse=keys[-1][1])
    for getter, descending in reversed(keys):
        result.sort(key=lambda row: ((value := getter(row)) is not None, value or 0), reverse=descending)
    return result


def _root(state: State, call: Call, form: Form, rows: list[Submission], *, expand: bool) -> Reply:
    paging = Paging.of(call)
    start = paging.skip + _after(form, rows, paging.token)
    shown = rows[start:] if paging.top is None else rows[start : start + paging.top]
    footer: dict[str, Any] = {"@odata.context": context(state, call, "Submissions")}
    remaining = len(rows) - _after(form, rows, paging.token)
    if paging.top and remaining > paging.top:
        footer["@odata.nextLink"] = next_link(state, call, {"instanceId": shown[-1].key if shown else None})
    if paging.count:
        footer["@odata.count"] = len(rows)
    if paging.top == 0:
        return page([], footer, None, plain=True)
    tag = event_tag(shown)
    if call.request.headers.get("if-none-match") == tag:
        return Reply(200, b"", {"ETag": tag})
    selected = _checked(form.current.schema, call, tag)
    kind = (expand, call.flag("$wkt"), call.request.param("$select"), len(form.editions))
    return page([_cached(form, row, kind, selected) for row in shown], footer, tag)


def _checked(schema: Schema, call: Call, tag: str, table: str = "Submissions") -> Selected:
    try:
        return read_select(schema, call.request.param("$select"), table)
    except Problem as problem:
        problem.headers["ETag"] = tag  # it was written before the rows were begun
        raise


def _after(form: Form, rows: list[Submission], token: dict[str, Any] | None) -> int:
    """Give where the rows after a token's row begin; a row that is gone ends the list silently."""
    if token is None:
        return 0
    row = form.by_key.get(token.get("instanceId") or "")
    return len(rows) if row is None else bisect_right(rows, row.rank, key=lambda each: each.rank)


def _cached(form: Form, row: Submission, kind: tuple[Any, ...], selected: Selected) -> bytes:
    known: bytes | None = row.cache.get(kind)
    if known is None:
        known = row.cache[kind] = as_json(render(form, row, selected, expand=kind[0], wkt=kind[1]))
    return known


def render(
    form: Form, row: Submission, selected: Selected | None = None, *, expand: bool = False, wkt: bool = False
) -> dict[str, Any]:  # fmt: skip
    """Give the root row of a submission."""
    chosen = selected or Selected()
    fields: dict[str, Any] = {}
    tails: dict[str, Any] = {}
    sealed = row.current.encrypted
    if not sealed and chosen.paths != frozenset():
        renderer = Renderer(expand, wkt, chosen.paths)
        root = read_instance(row.current.xml)
        fields, tails = renderer.content(form.current.schema.root, root, Place.root(row.key))
    if chosen.keeps_id("__id"):
        fields["__id"] = row.key
    if chosen.system is not None:
        system = system_of(row)
        fields["__system"] = {name: system[name] for name in chosen.system}
    return {**fields, **tails}


def system_of(row: Submission) -> dict[str, Any]:
    """Give the __system of a row: submitter, device and form version are those of its first version."""
    first, files = row.first, row.current.files
    return {
        "submissionDate": moment(first.created_at),
        "updatedAt": moment(row.updated_at),
        "submitterId": str(first.submitter.number),
        "submitterName": first.submitter.name,
        "attachmentsPresent": sum(content is not None for content in files.values()),
        "attachmentsExpected": len(files),
        "status": row.status,
        "reviewState": row.review_state,
        "deviceId": first.device,
        "edits": len(row.versions) - 1,
        "formVersion": first.form_version,
        "deletedAt": moment(row.deleted_at),
    }


# -- subtables


def _sub(state: State, call: Call, form: Form, rows: list[Submission], table: str) -> Reply:
    tag = event_tag(rows)
    if table not in form.current.schema.tables:
        problem = not_found()
        problem.headers["ETag"] = tag
        raise problem
    if call.request.headers.get("if-none-match") == tag:
        return Reply(200, b"", {"ETag": tag})
    selected = _checked(form.current.schema, call, tag, table)
    how = (call.request.param("$expand") == "*", call.flag("$wkt"), call.request.param("$select"))
    pairs = [pair for row in rows for pair in _instances(form, row, table, how, selected)]
    return sub_page(state, call, table, pairs, tag)


def _instances(
    form: Form, row: Submission, table: str, how: tuple[bool, bool, str], selected: Selected
) -> list[tuple[str, bytes]]:
    kind = (table, how, len(form.editions))
    known: list[tuple[str, bytes]] | None = row.cache.get(kind)
    if known is None:
        chain = form.current.schema.tables[table]
        root = None if row.current.encrypted else read_instance(row.current.xml)
        instances = Renderer(how[0], how[1], selected.paths).table(chain, root, row.key)
        known = row.cache[kind] = [(each["__id"], as_json(selected.cut(each))) for each in instances]
    return known


def sub_page(
    state: State, call: Call, table: str, pairs: list[tuple[str, bytes]], tag: str | None
) -> Reply:  # fmt: skip
    """Cut a page out of a subtable's rows.

    Raises:
        Problem: 400.34 when the token's row is gone.
    """
    paging = Paging.of(call)
    start = paging.skip
    if paging.token is not None:
        ids = [identity for identity, _ in pairs]
        if paging.token.get("repeatId") not in ids:
            problem = Problem(400.34, "Record associated with the provided $skiptoken not found.")
            problem.headers.update({"ETag": tag} if tag else {})
            raise problem
        start += ids.index(paging.token["repeatId"]) + 1
    shown = pairs[start:] if paging.top is None else pairs[start : start + paging.top]
    footer: dict[str, Any] = {"@odata.context": context(state, call, table)}
    if paging.top and shown and start + paging.top < len(pairs):
        footer["@odata.nextLink"] = next_link(state, call, {"repeatId": shown[-1][0]})
    if paging.count:
        footer["@odata.count"] = len(pairs)
    return page([body for _, body in shown], footer, tag, plain=tag is None)


def single(state: State, call: Call) -> Reply:
    """Answer Submissions('id') and the repeats below it."""
    expand = check_expand(call)
    form = read_form(state, call)
    row = form.live(unquote(call.parts["key"]))
    steps = re.findall(r"/([^/(]+)(?:\('([^']*)'\))?", call.parts.get("rest") or "")
    if not steps:
        selected = read_select(form.current.schema, call.request.param("$select"))
        body = as_json(render(form, row, selected, expand=expand, wkt=call.flag("$wkt")))
        return page([body], {"@odata.context": context(state, call, "Submissions")}, None, plain=True)
    table = ".".join(["Submissions", *(unquote(name) for name, _ in steps)])
    if table not in form.current.schema.tables:
        raise not_found()
    parent = next((identity for _, identity in reversed(steps) if identity), "")
    selected = read_select(form.current.schema, call.request.param("$select"), table)
    how = (expand, call.flag("$wkt"), call.request.param("$select"))
    pairs = _instances(form, row, table, how, selected)
    if steps[-1][1]:
        pairs = [pair for pair in pairs if pair[0] == parent]
    elif parent:
        pairs = [pair for pair in pairs if f'-id":"{parent}"'.encode() in pair[1]]
    return sub_page(state, call, table, pairs, None)
