"""`make serve` once in earnest: a scheduled run is completed; when the data is gone, it fails and people are told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tiny import ROOT, tiny_study

PATIENCE = 240
EVERY = "{ interval: 15 }"


class Hook(ThreadingHTTPServer):
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        super().__init__(("127.0.0.1", 0), _Keep)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Keep(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append(json.loads(body)["text"])  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def runs(port: int, deployment: str) -> list[dict[str, object]]:
    """List the runs the scheduler made of a deployment, newest first."""
    wanted = {"deployments": {"name": {"any_": [deployment]}}, "sort": "EXPECTED_START_TIME_DESC"}
    answer = requests.post(f"http://127.0.0.1:{port}/api/flow_runs/filter", json=wanted, timeout=30)
    return [run for run in answer.json() if run["auto_scheduled"]]


def wait_for(what, found):
    for _ in range(PATIENCE):
        try:
            if got := found():
                return got
        except requests.ConnectionError:
            pass  # not up yet
        time.sleep(1)
    pytest.fail(f"no {what} within {PATIENCE} s")


@pytest.fixture
def served(tmp_path):
    """Serve a small study with Prefect on a port of its own, the hourly run every few seconds."""
    hook, port = Hook(), free_port()
    tiny_study(tmp_path)
    shutil.copytree(ROOT / "flows", tmp_path / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
    hourly = '{ cron: "0 6-20 * * *", timezone: Asia/Jakarta }'
    assert hourly in text
    (tmp_path / "prefect.yaml").write_text(text.replace(hourly, EVERY), encoding="utf-8")
    settings = {
        "PORT": str(port),
        "BIN": str(Path(sys.executable).parent),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "TRACER_ALERT_URL": f"http://127.0.0.1:{hook.server_port}/",
    }
    with (tmp_path / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [str(tmp_path / "flows/serve.sh")],
            env={**os.environ, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        yield tmp_path, port, hook
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)
    hook.shutdown()
    hook.server_close()


@pytest.mark.slow
def test_a_scheduled_run_completes_and_a_failing_one_is_told(served):
    folder, port, hook = served

    def ended() -> list[dict[str, object]]:
        return [
            run for run in runs(port, "hourly") if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED")
        ]

    first = wait_for("end of a scheduled run", ended)[-1]
    assert first["state_type"] == "COMPLETED", first["state"]
    assert (folder / "var/report/index.html").exists()
    shutil.rmtree(folder / "inbox")
    failed = wait_for("failed run", lambda: [run for run in ended() if run["state_type"] == "FAILED"])
    assert "inbox" in str(failed[0]["state"])
    wait_for("alert", lambda: hook.told)
    assert any("tracer failed" in said and "inbox" in said for said in hook.told), hook.told
