"""100,000 submissions: memory stays flat, and the client keeps up with the server it reads from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from worlds import FORM_ID, CentralWorld, KoboWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worlds import World

SMALL, LARGE = 20_000, 100_000
FLAT = 120
"""MB that five times the submissions may take more: the index of keys (about 0.4 kB each) and no more."""

CHILD = r"""
import json, re, sys
from pathlib import Path
from tracer_etl import pipeline
from tracer_etl.study import read_study
pulled = pipeline.pull(read_study(Path(sys.argv[1])))
status = Path("/proc/self/status").read_text()
mb = int(re.search(r"VmHWM:\s+([0-9]+)", status)[1]) / 1024
print(json.dumps({"total": pulled[0].total, "mb": mb}))
"""

STUDY = """
[study]
name = "visits"
timezone = "Asia/Jakarta"
media = "."
[study.title]
en = "Visits"
[server]
kind = "folder"
[storage]
landing = "landing"
staging = "staging"
warehouse = "w.duckdb"
published = "p.duckdb"
report = "report"
[[forms]]
id = "visit"
workbook = "visit_1.xlsx"
"""


def xmls(world: World, start: int, stop: int) -> Iterator[bytes]:
    """Make distinct submissions from a few bodies: making them is not what is measured.

    None has a photo or an integer beyond 53 bits, which Central hands out one by one as XML.
    """
    seeds = [seed for seed in range(75) if seed % 3]
    bodies = [world.xml(0, seed).replace(b"9007199254740993", b"31") for seed in seeds]
    if isinstance(world, KoboWorld):
        bodies = [world.server.stamp(world.form, body) for body in bodies]
    for number in range(start, stop):
        at = number % len(seeds)
        before = f"uuid:{0:08d}-0000-4000-8000-{seeds[at]:012d}".encode()
        yield bodies[at].replace(before, f"uuid:{number:08d}-0000-4000-8000-{seeds[at]:012d}".encode())


def pulled(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Pull in a process of its own, so that its memory is its own (ru_maxrss would be its parent's)."""
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    variables = {**os.environ, **environment, "TRACER_STORAGE": str(folder / "var")}
    began = time.perf_counter()
    command = [sys.executable, "-c", CHILD, str(folder / "study.toml")]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "seconds": time.perf_counter() - began}


def limit_central(world: World) -> float:
    """Read the same pages as fast as the server gives them, doing nothing with them; rows per second."""
    server = world.server
    token = requests.post(
        f"{server.url}/v1/sessions",
        json=dict(zip(("email", "password"), server.admin, strict=True)),
        timeout=9,
    ).json()["token"]
    url = f"{server.url}/v1/projects/1/forms/{world.form}.svc/Submissions?%24top=1000&%24expand=*"
    rows, began = 0, time.perf_counter()
    with requests.Session() as session:
        while url:
            page = session.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=60).json()
            rows += len(page["value"])
            url = page.get("@odata.nextLink", "").replace("https://central.example.org", server.url)
    return rows / (time.perf_counter() - began)


def limit_kobo(world: World) -> float:
    """Read the same pages as fast as the server gives them, doing nothing with them; rows per second."""
    server, rows, last, began = world.server, 0, 0, time.perf_counter()
    url = f"{server.url}/api/v2/assets/{world.form}/data.json"
    with requests.Session() as session:
        while True:
            query = {"limit": "1000", "sort": '{"_id":1}', "query": json.dumps({"_id": {"$gt": last}})}
            head = {"Authorization": f"Token {server.token}"}
            page = session.get(url, params=query, headers=head, timeout=60).json()["results"]
            if not page:
                return rows / (time.perf_counter() - began)
            rows, last = rows + len(page), page[-1]["_id"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["central", "kobo"])
def test_memory_is_flat_and_the_client_keeps_up(kind: str, tmp_path: Path) -> None:
    world = CentralWorld(tmp_path) if kind == "central" else KoboWorld(tmp_path)
    if isinstance(world, KoboWorld):
        world.server.world.max_page = 1000
    with world.server as server:
        environment = {"TRACER_SERVER": kind, "TRACER_URL": server.url}
        if kind == "central":
            user, password = server.admin
            environment |= {"TRACER_USER": user, "TRACER_PASSWORD": password, "TRACER_PROJECT": "1"}
        else:
            environment |= {"TRACER_TOKEN": server.token}
        server.bulk(world.form, xmls(world, 0, SMALL))
        small = pulled(tmp_path, environment)
        server.bulk(world.form, xmls(world, SMALL, LARGE))
        limit = limit_central(world) if kind == "central" else limit_kobo(world)
        (tmp_path / "again").mkdir()
        (tmp_path / "again" / "visit_1.xlsx").write_bytes((tmp_path / "visit_1.xlsx").read_bytes())
        large = pulled(tmp_path / "again", environment)
    speed = LARGE / large["seconds"]
    print(
        f"\n{kind}: {LARGE:,} submissions in {large['seconds']:.1f} s = {speed:,.0f}/s, the fake's own limit "
        f"{limit:,.0f}/s (ratio {speed / limit:.2f}); peak {small['mb']:.0f} MB at {SMALL:,}, {large['mb']:.0f} MB"
    )
    assert small["total"] == SMALL
    assert large["total"] == LARGE
    assert large["mb"] - small["mb"] < FLAT
    assert FORM_ID == "visit"
