"""The drill of docs/how-to/back-up-and-restore.md, typed into a shell as the page has it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from doc_commands import ROOT, fences
from tiny import FORM, STUDY, submission
from tracer_etl import pipeline
from tracer_etl.study import read_study

PAGE = ROOT / "docs/how-to/back-up-and-restore.md"


def typed(block: str, folder: Path, backup: Path) -> subprocess.CompletedProcess[str]:
    """Type a block of the page, with a backup folder of ours."""
    programs = Path(sys.executable).parent
    return subprocess.run(
        [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            f"backup={backup}\n" + block.replace("backup=/mnt/backup/tracer\n", ""),
        ],
        cwd=folder,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Run a study of three submissions, one of them set aside, and back it up; give study and backup."""
    folder, backup = tmp_path_factory.mktemp("study"), tmp_path_factory.mktemp("disk") / "tracer"
    (folder / "tiny.md").write_text(FORM, encoding="utf-8")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    for number in (1, 2, 3):
        place = folder / f"inbox/instances/{number}"
        place.mkdir(parents=True)
        xml = submission(number, "<farmer/>") if number == 3 else submission(number)
        (place / "submission.xml").write_text(xml, encoding="utf-8")
    study = read_study(folder / "study.toml")
    for stage in (pipeline.pull, pipeline.build, pipeline.check, pipeline.load):
        stage(study)
    done = typed(fences(PAGE, ("sh",))[0], folder, backup)
    assert done.returncode == 0, done.stderr
    return folder, backup


def test_the_drill_makes_everything_anew_from_the_copy_alone(saved: tuple[Path, Path]) -> None:
    folder, backup = saved
    shutil.move(folder / "inbox", folder / "the server is away")
    done = typed(fences(PAGE, ("sh",))[1], folder, backup)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("the backup is whole\n")
    assert '"landed": 3' in (backup / "status.json").read_text(encoding="utf-8")


def test_the_drill_finds_a_backup_with_a_torn_segment(saved: tuple[Path, Path], tmp_path: Path) -> None:
    folder, backup = saved
    torn = shutil.copytree(backup, tmp_path / "torn")
    shutil.rmtree(folder / "drill", ignore_errors=True)
    [segment] = (torn / "landing/tiny").glob("*1.ndjson.zst")
    segment.write_bytes(segment.read_bytes()[:-20])
    done = typed(fences(PAGE, ("sh",))[1], folder, torn)
    assert done.returncode != 0
    assert "segment 00000001 is not what was landed" in done.stderr


def test_a_lost_machine_is_restored_to_the_same_counts(saved: tuple[Path, Path], tmp_path: Path) -> None:
    folder, backup = saved
    fresh = tmp_path / "fresh"
    (fresh / "var").mkdir(parents=True)
    for name in ("tiny.md", "study.toml"):
        shutil.copy(folder / name, fresh / name)
    # The copying as the page has it; its stages in this process, which has their packages loaded already.
    copying, _, stages = fences(PAGE, ("sh",))[2].partition("tracer-etl")
    assert re.findall(r"\w+$", stages, re.MULTILINE) == ["build", "check", "load", "status"]
    done = typed(copying, fresh, backup)
    assert done.returncode == 0, done.stderr
    study = read_study(fresh / "study.toml")
    for stage in (pipeline.build, pipeline.check, pipeline.load):
        stage(study)
    [form] = pipeline.status(study)
    assert (form.landed, form.good, form.set_aside) == (3, 2, 1)
