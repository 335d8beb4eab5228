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
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tiny import ROOT, tiny_study

PATIENCE = 240
EVERY = "{ interval: 30 }"


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


def ask(port: int, path: str, **body: object) -> Any:
    """Ask as Prefect's own client does: again where the server's database was busy (503)."""
    with requests.Session() as session:
        again = Retry(5, connect=0, status_forcelist=[503], allowed_methods=None, backoff_factor=1)
        session.mount("http://", HTTPAdapter(max_retries=again))
        address = f"http://127.0.0.1:{port}/api/{path}"
        answer = session.request("POST" if body else "GET", address, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()


def ended(port: int, deployment: str) -> list[dict[str, Any]]:
    """List the runs of a deployment that came to an end."""
    wanted = {"deployments": {"name": {"any_": [deployment]}}, "sort": "EXPECTED_START_TIME_ASC"}
    found = ask(port, "flow_runs/filter", **wanted)
    return [run for run in found if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED")]


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

    first = wait_for("end of a scheduled run", lambda: ended(port, "hourly"))[0]
    assert first["state_type"] == "COMPLETED", first["state"]
    assert first["auto_scheduled"]
    assert (folder / "var/report/index.html").exists()
    shutil.rmtree(folder / "inbox")
    # Prefect tells of runs planned less than five minutes before only after a quarter of an hour; of these at once.
    sweep = ask(port, "deployments/name/refresh/full-sweep")
    ask(port, f"deployments/{sweep['id']}/create_flow_run", parameters={})
    [failed] = wait_for("end of a run by hand", lambda: ended(port, "full-sweep"))
    assert failed["state_type"] == "FAILED"
    assert "inbox" in failed["state"]["message"]
    wait_for("alert", lambda: hook.told)
    assert any("tracer failed" in said and "inbox" in said for said in hook.told), hook.told
