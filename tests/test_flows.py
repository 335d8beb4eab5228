"""The Prefect flow: its tasks as plain functions, its retries, and once the whole under a real server."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from openpyxl import load_workbook

import postgres
from cluster_world import many_days, tables
from crash_world import differences
from dask_cluster import Killer, workers
from tiny import receive, submission, tiny_study, whole_study
from tracer_etl import partitions, pipeline
from tracer_etl.errors import Busy, Refused, StudyError, TracerError, Unavailable
from tracer_etl.starting import start_study
from tracer_etl.study import read_study
from tracer_etl.testing import FakeCentral
from tracer_etl.testing.loopback import Fault
from tracer_etl.warehouse import DATABASE

if TYPE_CHECKING:
    from types import ModuleType

FLOWS = Path(__file__).parents[1] / "flows"


def flow_module(name: str, folder: Path = FLOWS) -> ModuleType:
    """Load a flow from its file, as a Prefect worker does."""
    spec = importlib.util.spec_from_file_location(f"flows_{name}", folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stages():
    return flow_module("stages")


@pytest.fixture(scope="module")
def refresh():
    return flow_module("refresh")


def kinds_of_error(kind=TracerError):
    return [kind, *(below for child in kind.__subclasses__() for below in kinds_of_error(child))]


def test_each_stage_is_a_task_on_the_path_of_the_study(stages, tmp_path):
    study = str(tiny_study(tmp_path))
    receive(tmp_path, 3, submission(3, "<farmer>Budi</farmer><cows>many</cows>"))
    for stage in ("pull", "build", "check", "load"):
        [done] = stages.stage.fn(stage, study, ())
        assert done.form_id == "tiny"
    [status] = stages.stage.fn("status", study)
    assert (status.landed, status.good, status.set_aside) == (3, 2, 1)
    with duckdb.connect(str(tmp_path / "var/warehouse.duckdb"), read_only=True) as con:
        assert con.sql("SELECT count(*), sum(cows) FROM clean.tiny").fetchall() == [(2, 4)]


def test_a_task_takes_only_the_forms_it_is_given(stages, tmp_path):
    with pytest.raises(StudyError, match="choose of tiny"):
        stages.stage.fn("pull", str(tiny_study(tmp_path)), ("huge",))


@pytest.mark.parametrize("kind", kinds_of_error())
def test_only_what_may_pass_is_tried_again(stages, kind):
    from prefect.states import exception_to_failed_state
    from prefect.utilities.asyncutils import run_coro_as_sync

    state = run_coro_as_sync(exception_to_failed_state(kind("no")))
    assert stages.mild(None, None, state) is kind.retry


def test_a_bug_is_not_tried_again(stages):
    from prefect.states import exception_to_failed_state
    from prefect.utilities.asyncutils import run_coro_as_sync

    assert not stages.mild(None, None, run_coro_as_sync(exception_to_failed_state(KeyError("x"))))


def test_the_errors_tried_again_are_those_of_a_busy_server_or_study():
    assert Unavailable.retry
    assert not Refused.retry
    assert Busy.retry


def test_tasks_never_cache(stages):
    from prefect.cache_policies import NO_CACHE

    assert stages.stage.cache_policy == NO_CACHE
    assert stages.stage.retries == 3


@pytest.mark.parametrize("path", sorted(FLOWS.glob("*.py")), ids=lambda path: path.name)
def test_a_flow_is_short_and_knows_only_what_does_the_work(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 40
    imported = {
        f"{node.module}.{name.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tracer_etl")
        for name in node.names
    }
    assert imported <= {
        "tracer_etl.partitions",
        "tracer_etl.pipeline",
        "tracer_etl.errors.Partial",
        "tracer_etl.errors.StudyError",
        "tracer_etl.errors.TracerError",
        "tracer_etl.fieldwork.publishing",
        "tracer_etl.fieldwork.review",
        "tracer_etl.study.read_study",
    }


def test_every_deployment_names_a_flow_a_schedule_in_the_office_s_time_and_one_run_at_a_time():
    from prefect.client.schemas.schedules import CronSchedule
    from ruamel.yaml import YAML

    written = YAML(typ="safe").load(FLOWS.parent / "prefect.yaml")["deployments"]
    flows = {
        one["entrypoint"].partition(":")[0].removeprefix("flows/").removesuffix(".py") for one in written
    }
    assert flows == {"refresh", "evidence", "review", "publish", "watch"}
    for one in written:
        path, _, name = one["entrypoint"].partition(":")
        flow = getattr(flow_module(Path(path).stem), name)
        assert flow.timeout_seconds
        assert set(one.get("parameters", {})) <= set(flow.parameters.properties)
        assert one["concurrency_limit"]["limit"] == 1
        [schedule] = one["schedules"]
        assert CronSchedule(**schedule).timezone == "Asia/Jakarta"


def test_without_dask_the_flow_says_what_to_install():
    absent = f"import sys; sys.path.insert(0, {str(FLOWS)!r}); sys.modules['prefect_dask'] = None; "
    script = absent + "import runner; runner.dask('')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(
        "a cluster needs prefect-dask; pip install 'tracer-etl[dask]'"
    )


@pytest.fixture
def central(tmp_path, monkeypatch):
    """Give a new study and the fake Central it is told of, with its form and six submissions."""
    root = tmp_path / "demo"
    start_study(root, date(2026, 11, 24))
    with FakeCentral() as fake:
        fake.publish(root / "forms/household.xlsx")
        for sent in sorted(root.glob("rehearsal/*/*/submission.xml")):
            fake.submit("household", sent.read_bytes())
        user, password = fake.admin
        told = {"SERVER": "central", "URL": fake.url, "USER": user, "PASSWORD": password, "PROJECT": "1"}
        for name, value in told.items():
            monkeypatch.setenv(f"TRACER_{name}", value)
        yield root / "study.toml", fake


# -- under a real server


@pytest.fixture(scope="module")
def prefect_server():
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Prefect's server and its dependencies; ours are met by .fn() above
def test_the_flow_under_a_server(refresh, prefect_server, tmp_path):
    from prefect.artifacts import Artifact

    refresh.refresh(str(whole_study(tmp_path)))
    link, table = Artifact.get("report"), Artifact.get("run")
    assert link is not None
    assert (tmp_path / "var/report/index.html").as_uri() in str(link.data)
    assert table is not None
    rows = {row["form_id"]: row for row in json.loads(str(table.data))}
    assert len(rows) == 6
    assert all(row["landed"] == row["good"] + row["set_aside"] > 0 for row in rows.values())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_flow_of_a_new_study_under_a_server(prefect_server, tmp_path):
    start_study(tmp_path / "demo", date(2026, 11, 24))
    flow_module("refresh", tmp_path / "demo/flows").refresh()
    assert (tmp_path / "demo/var/report/codebook/household.html").exists()
    with duckdb.connect(str(tmp_path / "demo/var/demo.duckdb"), read_only=True) as con:
        assert con.sql("SELECT count(*) FROM clean.household").fetchall() == [(5,)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_refusal_fails_the_run_at_once(refresh, prefect_server, tmp_path):
    study = tiny_study(tmp_path)
    shutil.rmtree(tmp_path / "inbox")
    state = refresh.refresh(str(study), return_state=True)
    assert state.is_failed()
    assert isinstance(state.result(raise_on_failure=False), Refused)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_form_that_is_stale_or_lacks_submissions_fails_the_watch(prefect_server, central):
    study, fake = central
    watch = flow_module("watch").watch

    def said(hours=3):
        state = watch(str(study), hours, return_state=True)
        return state.is_failed(), state.message

    assert said() == (True, "household: last pull never")
    pipeline.refresh(read_study(study))
    assert said() == (False, "fresh and complete")
    assert said(hours=-1)[1].startswith("household: last pull 20")
    fake.faults.append(Fault("status", "Submissions", 403, times=9))
    with pytest.raises(Refused):
        pipeline.pull(read_study(study))
    failed, message = said()
    assert failed
    assert message.startswith("household: incomplete, ")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_forms_go_out_and_verdicts_come_back_and_evidence_is_made_anew_by_flows(prefect_server, central):
    study, fake = central
    refresh, publish, review, evidence = (
        getattr(flow_module(name), name) for name in ("refresh", "publish", "review", "evidence")
    )
    book = load_workbook(study.parent / "forms/household.xlsx")
    book["settings"]["C2"] = "2026112402"
    assert book["settings"]["C1"].value == "version"
    book.save(study.parent / "forms/household.xlsx")
    publish(str(study))
    assert fake.form("household").current.version == "2026112401"
    publish(str(study), apply=True)
    assert fake.form("household").current.version == "2026112402"
    refresh(str(study))
    review(str(study))
    states = [one.review_state for one in fake.truth("household").values()]
    assert sorted(states) == ["", "", "", "", "", "hasIssues"]
    shutil.rmtree(study.parent / "var/report")
    evidence(str(study))
    assert (study.parent / "var/report/index.html").exists()


@pytest.mark.slow
def test_on_a_cluster_that_loses_a_worker_the_tables_are_those_of_one_process(
    prefect_server, tmp_path, monkeypatch
):
    """A scheduler, two workers; the first one busy is killed. Then the same by one worker and by two, for their times."""
    from distributed import Client
    from prefect_dask import DaskTaskRunner

    cluster = flow_module("cluster").cluster
    with postgres.running() as server:
        study = many_days(tmp_path / "study", 6, 600, shared=(tmp_path / "bucket").as_uri())
        monkeypatch.setenv(DATABASE, server.fresh())
        for stage in (pipeline.build, pipeline.check, pipeline.load, pipeline.marts):
            stage(study)
        alone = tables(study)
        monkeypatch.setenv(DATABASE, server.fresh())
        with workers(2, os.environ[DATABASE]) as dask:
            killer = Killer({one.pid for one in dask.workers.values()}, study.staging / "_partitions")
            killer.start()
            runner = DaskTaskRunner(address=dask.scheduler_address)
            cluster.with_options(task_runner=runner)(str(study.root / "study.toml"), (), 600, landed=True)
            assert killer.killed
            assert not differences(alone, tables(study))
            with Client(dask) as client:
                addresses = list(client.scheduler_info()["workers"])
                took = [spread(client, study, server.fresh(), addresses[:count]) for count in (1, 2)]
    print(f"one worker {took[0]:.1f} s, two {took[1]:.1f} s: {took[0] / took[1]:.2f} times as fast")


def spread(client, study, address, workers):
    """Let some workers do all partitions on an empty warehouse; give the seconds."""
    client.run(lambda: os.environ.update({DATABASE: address}))
    os.environ[DATABASE] = address  # monkeypatch puts it back
    [plan] = partitions.plan(study, records=600)
    begun = time.perf_counter()
    work = client.map(partitions.work, [study] * len(plan.left), plan.left, workers=workers, pure=False)
    done = client.gather(work)
    took = time.perf_counter() - begun
    partitions.join(study, [plan])
    assert len({one.worker for one in done}) == len(workers)
    return took
