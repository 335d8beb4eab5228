"""What is released: both archives build without a network, hold what they should, and run outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tracer_etl import __version__

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "tracer_etl"
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "GX_ANALYTICS_ENABLED": "false"}


def told(*command: str | Path, cwd: Path, **more: str) -> str:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("TRACER_", "PYTHON"))
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**environment, **OFFLINE, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sdist")
    told(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", out, cwd=ROOT)
    [found] = out.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from the unpacked sdist, so that it is shown to hold what a build needs."""
    out = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(out, filter="data")
    source = out / sdist.name.removesuffix(".tar.gz")
    told(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=source)
    [found] = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def outside(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment of the wheel alone, which borrows the libraries; give its folder of programs."""
    home = tmp_path_factory.mktemp("outside")
    told(sys.executable, "-m", "venv", "--without-pip", home / "venv", cwd=home)
    python = home / "venv" / "bin" / "python"
    told(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel, cwd=home)
    [site] = (home / "venv").glob("lib/python*/site-packages")
    borrowed = [path for path in sys.path if Path(path).name == "site-packages"]
    (site / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    return python.parent


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        described = archive.read(metadata).decode()
    there = {
        f"tracer_etl/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".part")
    }
    assert {name for name in names if ".dist-info/" not in name} == there
    assert "tracer_etl/py.typed" in there
    assert f"\nVersion: {__version__}\n" in described
    assert "\nLicense-Expression: MIT\n" in described


def test_the_sdist_holds_sources_and_tests_and_nothing_a_run_makes(sdist: Path):
    with tarfile.open(sdist) as archive:
        members = archive.getnames()
    top = {name.split("/")[1] for name in members if "/" in name}
    assert {"src", "tests", "docs", "pyproject.toml", "README.md", "CHANGELOG.md", "PKG-INFO"} <= top
    assert not top & {"var", "dist", ".venv", ".git", "gx"}
    made = [name for name in members if name.endswith((".pyc", ".pem", ".duckdb", ".env"))]
    assert [name for name in made if "/tests/vectors/" not in name] == []


def test_the_version_stands_in_one_place():
    hits = [
        path.relative_to(ROOT).as_posix()
        for path in [ROOT / "pyproject.toml", *PACKAGE.rglob("*.py")]
        if f'"{__version__}"' in path.read_text(encoding="utf-8")
    ]
    assert hits == ["src/tracer_etl/__init__.py"]


def test_the_installed_wheel_answers_without_the_repository(outside: Path):
    home = outside.parents[1]
    assert told(outside / "tracer-etl", "--version", cwd=home).strip() == f"tracer-etl, version {__version__}"
    assert "Usage:" in told(outside / "python", "-m", "tracer_etl", "--help", cwd=home)
    where = "import tracer_etl; print(tracer_etl.__file__)"
    assert told(outside / "python", "-c", where, cwd=home).startswith(str(home))


def test_a_new_study_runs_at_once_from_the_installed_wheel(outside: Path):
    home = outside.parents[1]
    told(outside / "tracer-etl", "init", "demo", cwd=home)
    told(outside / "tracer-etl", "run", "--strict", cwd=home / "demo")
    report = home / "demo" / "var" / "report"
    assert "Household Survey demo" in (report / "index.html").read_text(encoding="utf-8")
    assert {page.name for page in report.rglob("*.html")} == {"index.html", "quality.html", "household.html"}
    import duckdb

    with duckdb.connect(str(home / "demo" / "var" / "demo.duckdb"), read_only=True) as copy:
        assert copy.execute("SELECT count(*) FROM clean.household").fetchone() == (5,)
        assert copy.execute("SELECT count(*) FROM clean.household__member").fetchone() == (13,)
        listed = "SELECT rule, submissions FROM meta.set_aside ORDER BY rule"
        assert copy.execute(listed).fetchall() == [("H01", 1), ("M01", 1), ("form:constraint", 1)]
        names = "SELECT count(*) FROM information_schema.columns WHERE column_name IN ('head', 'first_name')"
        assert copy.execute(names).fetchone() == (0,)
