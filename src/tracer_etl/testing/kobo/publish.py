"""What changes forms: new versions, deployment, archiving."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

from tracer_etl.form import read_form
from tracer_etl.testing.kobo import files
from tracer_etl.testing.kobo.content import content_hash, read_workbook
from tracer_etl.testing.kobo.history import note
from tracer_etl.testing.kobo.state import Asset, Version

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.testing.kobo.state import World


def add_version(
    world: World, asset: Asset | None, workbook: Path, owner: str, *, name: str = "", same_form: bool = False
) -> Asset:
    """Read a workbook into a new project, or as the next draft of a known one.

    `same_form` looks for a project of the owner with this XLSForm id first.

    Raises:
        FormError: the workbook does not compile.
        ValueError: it is neither .xlsx nor .md.
    """
    form = read_form(workbook)
    title, content = read_workbook(workbook, world.random)
    moment = world.tick()
    if same_form and asset is None:
        owned = [known for known in world.assets.values() if known.owner == owner]
        asset = next((known for known in owned if known.newest.form.form_id == form.form_id), None)
    if asset is None:
        uid, formhub = world.uid("a"), world.uuid().replace("-", "")
        asset = Asset(uid, len(world.assets) + 1, name or title, owner, moment, formhub, moment)
        world.assets[uid] = asset
    else:
        note(world, asset, owner, "replace-form")
    uid, digest = world.uid("v"), content_hash(content)
    asset.versions.append(Version(uid, len(asset.versions) + 1, title, content, form, moment, digest))
    asset.modified = moment
    return asset


def deploy(world: World, asset: Asset, user: str, version: Version | None = None) -> None:
    """Deploy a version, by default the newest."""
    chosen = version or asset.newest
    chosen.deployed = chosen.deployed or world.tick()
    note(world, asset, user, "redeploy" if asset.current else "deploy")
    asset.current, asset.active, asset.modified = chosen, True, world.clock


def archive(world: World, asset: Asset, user: str, *, active: bool) -> None:
    """Close a project for submissions, or open it again; its data stay readable."""
    world.tick()
    if asset.active != active:
        note(world, asset, user, "unarchive" if active else "archive")
    asset.active, asset.modified = active, world.clock


def add_media(world: World, asset: Asset, folder: Path) -> None:
    """Upload what a form's external lists name, as far as the folder has it; unchanged files stay."""
    held = {item.name: item.content for item in asset.files}
    wanted = {row["file"] for row in asset.newest.content["survey"] if "file" in row}
    for name in sorted(wanted):
        path = folder / name
        if path.is_file() and held.get(name) != path.read_bytes():
            mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
            files.add(world, asset, name, mimetype, path.read_bytes())
