"""Deploying to a real Prefect server and running there: what an operator relies on when nobody is watching.

One sandbox, one server and one worker serve all of it; the tests stand in the order of an operator's first day.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from connectors.store.clock import system_clock
from connectors.store.store import open_store
from deployments.plan import TAG, WORK_POOL, deployment_specs
from deployments.prefect_yaml import PATH
from evidence.controls.catalogue import CATALOGUE
from sandbox.serve import running

pytestmark = pytest.mark.prefect_server

ZONE = "Europe/London"
NOW = "2026-09-02T06:00:00Z"
HISTORY = """\
sha,parents,on_first_parent,author,committer,author_date,commit_date,pr_number,pr_source,author_is_bot,reviewed_by,co_authored_by,gpgsig
{f},{e},1,ann,web-flow,2026-08-31T09:00:00+00:00,2026-08-31T09:00:00+00:00,3,squash,0,bea,,1
{e},{d},1,bea,web-flow,2026-08-12T09:00:00+00:00,2026-08-12T09:00:00+00:00,2,squash,0,ann,,1
{d},{c},1,ann,web-flow,2026-07-20T09:00:00+00:00,2026-07-20T09:00:00+00:00,1,squash,0,bea,,1
{c},{b},1,ann,ann,2026-07-02T09:00:00+00:00,2026-07-02T09:00:00+00:00,,,0,,,1
{b},,1,ann,ann,2026-06-30T09:00:00+00:00,2026-06-30T09:00:00+00:00,,,0,,,1
"""


class Receiver(ThreadingHTTPServer):
    """A Slack-compatible incoming webhook on loopback."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.texts: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/T000/B000/x"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.texts.append(body["text"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output clean."""


@dataclass(slots=True)
class Site:
    """A company's machine: its programme, the environment of its worker, and the folder it works in."""

    folder: Path
    program: Path
    faults: str
    environment: dict[str, str]
    receiver: Receiver

    def prefect(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def deploy(self) -> None:
        self.prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(PATH))

    def api(self, method: str, path: str, body: Any = None) -> Any:
        return _request(method, f"{self.environment['PREFECT_API_URL']}{path}", body)

    def deployments(self) -> dict[str, Any]:
        """By name, as the server has them."""
        return {found["name"]: found for found in self.api("POST", "/deployments/filter", {"limit": 200})}

    def start(self, deployment: str, **parameters: Any) -> str:
        """Ask for a run now; its id."""
        found = self.deployments()[deployment]
        made = self.api("POST", f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})
        return made["id"]

    def ended(self, run: str, seconds: float = 90) -> dict[str, Any]:
        """The state that a run came to."""
        deadline = time.monotonic() + seconds
        state: dict[str, Any] = {}
        while time.monotonic() < deadline:
            state = self.api("GET", f"/flow_runs/{run}")["state"]
            if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                return state
            time.sleep(0.2)
        logs = self.api("POST", "/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}})
        pytest.fail(f"the run is still {state.get('name')}: " + "\n".join(log["message"] for log in logs))


def _request(method: str, url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or "null")


@pytest.fixture(scope="module")
def site(prefect_server: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A simulated company with a programme that alerts a webhook, deployed once."""
    folder = tmp_path_factory.mktemp("site")
    history = folder / "api.csv"
    history.write_text(HISTORY.format(**{letter: letter * 40 for letter in "bcdef"}), encoding="utf-8")
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, daemon=True)
    thread.start()
    now = datetime.fromisoformat(NOW).astimezone(UTC)
    with running(changes=[f"acme/api={history}"], now=now, directory=folder, own_process=True) as sandbox:
        yaml = YAML()
        programme = yaml.load(sandbox.program)
        programme["alerts"] = [{"slack": {"webhook_env": "ON_CALL_WEBHOOK"}}]
        yaml.dump(programme, sandbox.program)
        environment = {
            **prefect_server,
            **sandbox.environment,
            "EVIDENCE_PROGRAM": str(sandbox.program),
            "EVIDENCE_TIMEZONE": ZONE,
            "EVIDENCE_SIGNING_KEY_FILE": str(folder / "signing-key.pem"),
            "ON_CALL_WEBHOOK": receiver.url,
        }
        made = Site(folder, sandbox.program, sandbox.faults, environment, receiver)
        made.prefect("work-pool", "create", WORK_POOL, "--type", "process")
        made.deploy()
        yield made
    receiver.shutdown()
    receiver.server_close()
    thread.join()


@pytest.fixture(scope="module")
def worker(site: Site) -> Iterator[psutil.Process]:
    """A process worker, started as the operations page says, with its health address on loopback."""
    environment = {
        **site.environment,
        "EVIDENCE_PAGE": str(site.folder / "pages" / "index.html"),
        "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
        "PREFECT_WORKER_WEBSERVER_PORT": "0",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    # Without the default disposition of SIGINT, inherited as "ignored" by background jobs, the first SIGTERM is lost.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "prefect", "worker", "start"]
    command += ["--pool", WORK_POOL, "--name", "w1", "--with-healthcheck"]
    with (site.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=site.folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    yield psutil.Process(process.pid)
    process.terminate()
    process.wait(30)


def test_every_deployment_is_there_as_the_plan_says(site: Site) -> None:
    found = site.deployments()
    assert sorted(found) == sorted(spec.name for spec in deployment_specs(CATALOGUE))
    for spec in deployment_specs(CATALOGUE):
        deployment = found[spec.name]
        assert deployment["entrypoint"] == spec.entrypoint
        assert sorted(deployment["tags"]) == sorted(spec.tags)
        assert TAG in deployment["tags"]
        assert deployment["parameters"] == {"program": str(site.program), **spec.parameters}
        assert deployment["work_pool_name"] == WORK_POOL
        assert deployment["paused"] is False
        assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        assert deployment["global_concurrency_limit"]["limit"] == 1
        [schedule] = deployment["schedules"]
        assert schedule["active"] is True
        assert schedule["slug"] == spec.slug
        assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == (spec.cron, ZONE)


def test_deploying_again_changes_nothing(site: Site) -> None:
    def identity(found: dict[str, Any]) -> dict[str, Any]:
        return {
            name: (one["id"], one["entrypoint"], one["parameters"], [s["schedule"] for s in one["schedules"]])
            for name, one in found.items()
        }

    before = identity(site.deployments())
    site.deploy()
    assert identity(site.deployments()) == before


def test_a_deployed_run_never_begins_a_store(site: Site, worker: psutil.Process) -> None:
    state = site.ended(site.start("governance-daily", simulated_now=NOW, retries=0))
    assert state["type"] == "FAILED"
    assert "There is no evidence store" in state["message"]
    assert not (site.folder / "evidence-store").exists()
    [text] = site.receiver.texts
    assert "Evidence flow stopped: governance, StoreError" in text
    assert "There is no evidence store" in text
    site.receiver.texts.clear()
    begun = [sys.executable, "-m", "cli.main", "programme", "record", "--simulated-now", NOW]
    subprocess.run(begun, cwd=site.folder, env=site.environment, check=True, capture_output=True, timeout=60)


def test_a_run_on_a_worker_leaves_evidence_in_the_store(site: Site, worker: psutil.Process) -> None:
    run = site.start("change-management-monthly", window="2026-07", simulated_now=NOW, retries=0)
    state = site.ended(run)
    assert state["type"] == "COMPLETED", state["message"]
    listening = {
        connection.laddr.ip
        for process in (worker, *worker.children(recursive=True))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    store = open_store(str(site.folder / "evidence-store"), now=system_clock, product_version="", read_only=True)
    claims = [
        claim
        for entry in store.entries(kinds={"collection"})
        for claim in entry["body"]["claims"]
        if claim["dataset"] == "github.commits"
    ]
    assert [(claim["status"], claim["scope_item"], claim["from"], claim["rows"]) for claim in claims] == [
        ("ok", "acme/api", "2026-07-01T00:00:00Z", 2)
    ]
    assert site.receiver.texts == []


def test_a_fault_at_the_source_fails_the_run_and_tells_on_call_once(site: Site, worker: psutil.Process) -> None:
    denied = [{"source": "github", "kind": "forbidden", "times": None, "match": "GET /repos/{owner}/{repo}/activity"}]
    _request("PUT", f"{site.faults}/plan", denied)
    run = site.start("change-management-monthly", window="2026-08", simulated_now=NOW, retries=0)
    state = site.ended(run)
    assert state["type"] == "FAILED"
    assert "collections failed" in state["message"]
    [text] = site.receiver.texts
    assert "acme/api" in text
    assert "CC8-" in text
    assert "grant repository permission contents: read" in text
    # The collector counts on 90 days of activity: what happened on 1 August is gone on 30 October.
    assert "Until           First loss 2026-10-30 00:00Z (in 57 days)" in text
    assert f"evidence collect --program {site.program} --control CC8-" in text
    assert not {"ghs_", "ghp_"} & {word[:4] for word in text.split()}


def test_the_daily_completeness_run_publishes_the_page(site: Site, worker: psutil.Process) -> None:
    state = site.ended(site.start("completeness", simulated_now=NOW))
    assert state["type"] == "COMPLETED", state["message"]
    page = (site.folder / "pages" / "index.html").read_text(encoding="utf-8")
    assert "<strong>Simulated.</strong>" in page
    assert "acme/api" in page
