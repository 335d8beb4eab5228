"""Which path of ODK Central leads where."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tracer_etl.testing.central import (
    entity_routes,
    exports,
    form_files,
    forms,
    odata,
    openrosa,
    people_routes,
    rest,
)
from tracer_etl.testing.central.answers import Call
from tracer_etl.testing.central.state import State
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

Handler = Callable[[State, Call], Reply]

_PROJECT = "/projects/(?P<project>[^/]+)"
_FORM = f"{_PROJECT}/forms/(?P<form>[^/]+?)"
_SENT = f"{_FORM}/submissions/(?P<key>[^/]+?)"
_NAMED = "/attachments/(?P<name>[^/]+)"
_VERSION = "/versions/(?P<version>[^/]*?)"

_DATASET = f"{_PROJECT}/datasets/(?P<dataset>[^/]+?)"
_ENTITY = f"{_DATASET}/entities/(?P<key>[^/]+)"

_ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", "/sessions", people_routes.log_in),
    ("DELETE", "/sessions/(?P<token>[^/]+)", people_routes.revoke),
    ("GET", "/audits", rest.audits),
    ("GET", "/projects", people_routes.list_projects),
    ("POST", "/projects", people_routes.create_project),
    ("GET", _PROJECT, people_routes.get_project),
    ("GET", f"{_PROJECT}/app-users", people_routes.list_app_users),
    ("POST", f"{_PROJECT}/app-users", people_routes.create_app_user),
    ("DELETE", f"{_PROJECT}/app-users/(?P<actor>[^/]+)", people_routes.delete_app_user),
    ("GET", f"{_FORM}/assignments/app-user", people_routes.assignments),
    ("POST", f"{_FORM}/assignments/app-user/(?P<actor>[^/]+)", people_routes.assign),
    ("DELETE", f"{_FORM}/assignments/app-user/(?P<actor>[^/]+)", people_routes.unassign),
    # Collect
    ("GET", f"{_PROJECT}/formList", openrosa.form_list),
    ("GET", f"{_FORM}/manifest", openrosa.manifest),
    ("HEAD", f"{_PROJECT}/submission", openrosa.head),
    ("POST", f"{_PROJECT}/submission", openrosa.submit),
    # entities
    ("GET", f"{_PROJECT}/datasets", entity_routes.list_datasets),
    ("POST", f"{_PROJECT}/datasets", entity_routes.create_dataset),
    ("GET", rf"{_DATASET}\.svc", entity_routes.service),
    ("GET", rf"{_DATASET}\.svc/\$metadata", entity_routes.metadata),
    ("GET", rf"{_DATASET}\.svc/Entities", entity_routes.odata),
    ("POST", f"{_DATASET}/properties", entity_routes.create_property),
    ("GET", f"{_DATASET}/integrity", entity_routes.integrity),
    ("GET", rf"{_DATASET}/entities\.csv", entity_routes.export),
    ("GET", f"{_DATASET}/entities", entity_routes.list_entities),
    ("POST", f"{_DATASET}/entities", entity_routes.post),
    ("GET", _ENTITY, entity_routes.get_entity),
    ("PATCH", _ENTITY, entity_routes.patch),
    ("DELETE", _ENTITY, entity_routes.delete),
    ("POST", f"{_ENTITY}/restore", entity_routes.restore),
    ("GET", f"{_ENTITY}/versions", entity_routes.list_versions),
    ("GET", f"{_ENTITY}/audits", entity_routes.audits),
    ("GET", _DATASET, entity_routes.get_dataset),
    # OData
    ("GET", rf"{_FORM}\.svc", odata.service),
    ("GET", rf"{_FORM}\.svc/\$metadata", odata.metadata),
    ("GET", rf"{_FORM}\.svc/Submissions\('(?P<key>[^']*)'\)(?P<rest>/.*)?", odata.single),
    ("GET", rf"{_FORM}\.svc/(?P<table>Submissions[^/]*)", odata.submissions),
    # forms
    ("GET", f"{_PROJECT}/forms", forms.list_forms),
    ("POST", f"{_PROJECT}/forms", forms.create_form),
    ("GET", rf"{_FORM}\.xml", forms.get_xml),
    ("GET", f"{_FORM}/fields", forms.get_fields),
    ("GET", f"{_FORM}/versions", forms.list_versions),
    ("GET", rf"{_FORM}{_VERSION}\.xml", forms.get_xml),
    ("GET", f"{_FORM}{_VERSION}/fields", forms.get_fields),
    ("GET", f"{_FORM}{_VERSION}/attachments", form_files.list_attachments),
    ("GET", f"{_FORM}{_VERSION}{_NAMED}", form_files.get_attachment),
    ("GET", f"{_FORM}{_VERSION}", forms.get_edition),
    ("GET", f"{_FORM}/attachments", form_files.list_attachments),
    ("GET", f"{_FORM}{_NAMED}", form_files.get_attachment),
    ("POST", f"{_FORM}/draft", forms.put_draft),
    ("GET", f"{_FORM}/(?P<draft>draft)", forms.get_edition),
    ("DELETE", f"{_FORM}/draft", forms.delete_draft),
    ("POST", f"{_FORM}/draft/publish", forms.publish_draft),
    ("GET", rf"{_FORM}/(?P<draft>draft)\.xml", forms.get_xml),
    ("GET", f"{_FORM}/(?P<draft>draft)/fields", forms.get_fields),
    ("GET", f"{_FORM}/(?P<draft>draft)/attachments", form_files.list_attachments),
    ("GET", f"{_FORM}/(?P<draft>draft){_NAMED}", form_files.get_attachment),
    ("POST", f"{_FORM}/draft{_NAMED}", form_files.put_attachment),
    ("PATCH", f"{_FORM}/draft{_NAMED}", form_files.link_dataset),
    ("DELETE", f"{_FORM}/draft{_NAMED}", form_files.delete_attachment),
    # submissions
    ("GET", f"{_FORM}/submissions", rest.list_submissions),
    ("POST", f"{_FORM}/submissions", rest.post),
    ("GET", rf"{_FORM}/submissions\.csv\.zip", exports.zipped),
    ("GET", rf"{_FORM}/submissions\.csv", exports.root_only),
    ("GET", rf"{_FORM}/submissions\.geojson", rest.geojson),
    ("GET", rf"{_SENT}\.xml", rest.get_xml),
    ("GET", _SENT, rest.get_submission),
    ("PUT", _SENT, rest.put),
    ("PATCH", _SENT, rest.patch),
    ("DELETE", _SENT, rest.delete),
    ("POST", f"{_SENT}/restore", rest.restore),
    ("GET", f"{_SENT}/audits", rest.submission_audits),
    ("GET", f"{_SENT}/comments", rest.list_comments),
    ("POST", f"{_SENT}/comments", rest.add_comment),
    ("GET", f"{_SENT}/versions", rest.list_versions),
    ("GET", rf"{_SENT}{_VERSION}\.xml", rest.get_version_xml),
    ("GET", f"{_SENT}{_VERSION}/attachments", rest.list_attachments),
    ("GET", f"{_SENT}{_VERSION}{_NAMED}", rest.get_attachment),
    ("GET", f"{_SENT}{_VERSION}", rest.get_version),
    ("GET", f"{_SENT}/attachments", rest.list_attachments),
    ("GET", f"{_SENT}{_NAMED}", rest.get_attachment),
    ("POST", f"{_SENT}{_NAMED}", rest.put_attachment),
    ("DELETE", f"{_SENT}{_NAMED}", rest.clear_attachment),
    # the form itself last: its pattern takes nearly everything
    ("GET", _FORM, forms.get_form),
    ("PATCH", _FORM, forms.patch_form),
    ("DELETE", _FORM, forms.delete_form),
]  # fmt: skip


def _compiled(routes: list[tuple[str, str, Handler]]) -> list[tuple[str, re.Pattern[str], Handler]]:
    return [(method, re.compile(pattern), handler) for method, pattern, handler in routes]


_COMPILED = _compiled(_ROUTES)


def find(method: str, path: str) -> Iterator[tuple[Handler, dict[str, str]]]:
    """Find the handler of a path below /v1, with the parts the route names."""
    wanted = ("GET", "HEAD") if method == "HEAD" else (method,)
    for known, pattern, handler in _COMPILED:
        if known in wanted and (match := pattern.fullmatch(path)):
            yield handler, {name: value for name, value in match.groupdict().items() if value is not None}
            return
