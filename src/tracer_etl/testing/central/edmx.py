"""The EDMX that describes a form's OData tables, as far as readers use it: names and types."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from tracer_etl.testing.central.schema import Field, Schema

_TYPES = {
    "int": "Edm.Int64", "decimal": "Edm.Decimal", "date": "Edm.Date", "dateTime": "Edm.DateTimeOffset",
    "geopoint": "Edm.GeographyPoint", "geotrace": "Edm.GeographyLineString",
    "geoshape": "Edm.GeographyPolygon",
}  # fmt: skip
_METADATA = {
    "submissionDate": "Edm.DateTimeOffset", "updatedAt": "Edm.DateTimeOffset",
    "deletedAt": "Edm.DateTimeOffset", "submitterId": "Edm.String", "submitterName": "Edm.String",
    "attachmentsPresent": "Edm.Int64", "attachmentsExpected": "Edm.Int64",
    "status": "org.opendatakit.submission.Status",
    "reviewState": "org.opendatakit.submission.ReviewState",
    "deviceId": "Edm.String", "edits": "Edm.Int64", "formVersion": "Edm.String",
}  # fmt: skip
_ENTITY_METADATA = {
    "createdAt": "Edm.DateTimeOffset", "creatorId": "Edm.String", "creatorName": "Edm.String",
    "updates": "Edm.Int64", "updatedAt": "Edm.DateTimeOffset", "deletedAt": "Edm.DateTimeOffset",
    "version": "Edm.Int64", "conflict": "Edm.String",
}  # fmt: skip


def of_submissions(form_id: str, schema: Schema) -> bytes:
    """Describe a form's tables."""
    space = f"org.opendatakit.user.{form_id}"
    inner = [_type("EntityType", name, _table(space, name, chain)) for name, chain in schema.tables.items()]
    inner += [
        _type("ComplexType", node.path[1:].replace("/", "."), _members(space, node))
        for node in schema.fields
        if node.kind == "structure"
    ]
    sets = [_tag("EntitySet", Name=name, EntityType=f"{space}.{name}") for name in schema.tables]
    inner.append(_type("EntityContainer", form_id, sets))
    base = _type("ComplexType", "metadata", [_property(*pair) for pair in _METADATA.items()])
    return _document({"org.opendatakit.submission": [base], space: inner})


def of_entities(dataset: str, properties: list[str]) -> bytes:
    """Describe the table of a dataset."""
    space = f"org.opendatakit.user.{dataset}"
    members = [
        _property("__id", "Edm.String"),
        _property("__system", "org.opendatakit.entity.metadata"),
        *(_property(name, "Edm.String") for name in ["label", *properties]),
    ]
    inner = [
        _type("EntityType", "Entities", members),
        _type(
            "EntityContainer", dataset, [_tag("EntitySet", Name="Entities", EntityType=f"{space}.Entities")]
        ),
    ]
    base = _type("ComplexType", "metadata", [_property(*pair) for pair in _ENTITY_METADATA.items()])
    return _document({"org.opendatakit.entity": [base], space: inner})


def _document(spaces: dict[str, list[str]]) -> bytes:
    schemas = "".join(
        f'<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace={quoteattr(name)}>'
        + "".join(parts)
        + "</Schema>"
        for name, parts in spaces.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">'
        f"<edmx:DataServices>{schemas}</edmx:DataServices></edmx:Edmx>"
    ).encode()


def _table(space: str, name: str, chain: tuple[Field, ...]) -> list[str]:
    members = [_property("__id", "Edm.String")]
    if name == "Submissions":
        members.append(_property("__system", "org.opendatakit.submission.metadata"))
    else:
        members.append(_property(f"__{name.rpartition('.')[0].replace('.', '-')}-id", "Edm.String"))
    return members + _members(space, chain[-1])


def _members(space: str, node: Field) -> list[str]:
    members = []
    for child in node.children.values():
        path = child.path[1:].replace("/", ".")
        if child.kind == "repeat":
            target = f"Collection({space}.Submissions.{path})"
            members.append(_tag("NavigationProperty", Name=child.odata, Type=target))
        elif child.kind == "structure":
            members.append(_property(child.odata, f"{space}.{path}"))
        else:
            members.append(_property(child.odata, _TYPES.get(child.kind, "Edm.String")))
    return members


def _property(name: str, kind: str) -> str:
    return _tag("Property", Name=name, Type=kind)


def _tag(name: str, **attributes: str) -> str:
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{written}/>"


def _type(tag: str, name: str, members: list[str]) -> str:
    return f"<{tag} Name={quoteattr(name)}>{''.join(members)}</{tag}>"
