"""Starts every simulated source of a company, and the control server, on loopback.

All servers run in threads of the calling process: starting them costs no second interpreter, and a test or a
demonstration can reach the clock and the fault plan directly. `running(..., own_process=True)` puts them into a child
process instead, which pays where the caller itself is busy, as the sources then have a processor of their own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TextIO

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.clock import SimulatedClock
from sandbox.company import company_folder, load_company
from sandbox.control import Control, NotSimulated
from sandbox.faults import FaultPlan
from sandbox.github.credentials import Credentials
from sandbox.github.model import Installation, Member, Organisation
from sandbox.github.nodeids import object_id
from sandbox.github.server import GitHubServer
from sandbox.github.stage import build_github
from sandbox.github.times import Changing, Epoch
from sandbox.github.world import World
from sandbox.google.start import has_google
from sandbox.google.start import start as start_google
from sandbox.histories import add_history
from sandbox.loopback import LoopbackServer
from sandbox.program import write_company_programme, write_history_programme
from sandbox.trackers.start import start_trackers
from schemas.errors import ConfigurationError

READER_PERMISSIONS = {
    "actions": "read",
    "administration": "write",
    "checks": "read",
    "contents": "read",
    "deployments": "read",
    "environments": "read",
    "issues": "read",
    "members": "read",
    "metadata": "read",
    "organization_administration": "write",
    "organization_personal_access_tokens": "read",
    "pull_requests": "read",
    "secret_scanning_alerts": "read",
    "security_events": "read",
    "statuses": "read",
    "vulnerability_alerts": "read",
}
"""What the evidence reader's app may do. Reading rule suites needs the write permission at GitHub."""
READER_APP = "evidence-reader"


@dataclass(slots=True)
class Sandbox:
    """A running sandbox.

    `clock`, `plan`, `world` and `github` are None when it runs in a child process: use the `faults` address then.
    """

    program: Path
    environment: dict[str, str]
    endpoints: dict[str, str]
    faults: str
    github_app: dict[str, str]
    """Credentials of an app, and of a person: `environment` holds one of them."""
    github_token: dict[str, str] = field(default_factory=dict[str, str])
    clock: SimulatedClock | None = None
    plan: FaultPlan | None = None
    world: World | None = None
    github: GitHubServer | None = None
    _closers: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def describe(self) -> dict[str, Any]:
        """What `evidence sandbox serve` prints."""
        return {
            "program": str(self.program),
            "environment": self.environment,
            "endpoints": self.endpoints,
            "faults": self.faults,
            "github_app": self.github_app,
            "github_token": self.github_token,
        }

    def on_close(self, closer: Callable[[], None]) -> None:
        """Have something stopped with the sandbox."""
        self._closers.append(closer)

    def close(self) -> None:
        """Stop everything, newest first."""
        while self._closers:
            self._closers.pop()()


def parse_change(text: str) -> tuple[str, str, Path]:
    """`ORG/REPO=FILE.csv` as organisation, repository and file. Raises ConfigurationError."""
    name, equals, file = text.partition("=")
    organisation, slash, repository = name.partition("/")
    if not (equals and slash and organisation and repository and file):
        raise ConfigurationError(f"{text!r} is not of the form ORG/REPO=FILE.csv")
    path = Path(file)
    if not path.is_file():
        raise ConfigurationError(f"the change history {file} does not exist")
    return organisation, repository, path


def start(
    company: str | Path | None = None,
    changes: Sequence[str] = (),
    iam: Path | None = None,
    now: datetime | None = None,
    *,
    port: int = 0,
    directory: Path | None = None,
) -> Sandbox:
    """Start the sources of a company, of change histories, or of both, and write their programme.

    Without a company, histories or an IAM file it is the demo company. `now` is where the clock stands; without it the
    clock is the real one. `port` is that of the control server, 0 for any. `directory` is where programme, registers
    and keys are written, by default a new temporary folder. Raises ConfigurationError.
    """
    if company is None and not changes and iam is None:
        company = "demo"
    folder = company_folder(company) if company is not None else None
    histories = [parse_change(change) for change in changes]
    clock = SimulatedClock(now, running=False)
    plan = FaultPlan()
    target = directory or Path(tempfile.mkdtemp(prefix="evidence-sandbox-"))
    target.mkdir(parents=True, exist_ok=True)
    world = World()
    organisation = None if folder is None else build_github(world, folder)
    first: date | None = None
    last: date | None = None
    for owner, name, path in histories:
        owning = _owner(world, owner)
        repository = _add_history(world, owning, name, path)
        days = [datetime.fromtimestamp(one.at, UTC).date() for one in repository.branches["main"].updates[1:]]
        first = min(days[0], first or days[0])
        last = max(days[-1], last or days[-1])
        organisation = organisation or owning
    if organisation is None:
        organisation = _owner(world, "sandbox")
    key_file = _reader_key(target)
    credentials = Credentials(world)
    installation = _reader(world, organisation, credentials, key_file)
    token = f"ghp_{object_id('token', organisation.login)[:36]}"
    credentials.add_token(token, _reading_owner(organisation))
    for other in world.organisations.values():
        if other is not organisation:
            _join(other, _reading_owner(organisation))
    world.settle()

    sandbox = Sandbox(target, {}, {}, "", {}, {}, clock, plan, world)
    try:
        github = GitHubServer(world, credentials, clock, plan)
        sandbox.on_close(github.close)
        sandbox.github = github
        sandbox.endpoints["github"] = github.url
        account: str | None = None
        aws_folder = folder if folder is not None and (folder / "aws.yaml").is_file() else None
        if aws_folder is not None or iam is not None:
            # Only here, because the library behind it takes a second to import.
            from sandbox.aws.server import start as start_aws

            aws = start_aws(aws_folder, clock, plan, iam_file=iam)
            sandbox.on_close(aws.close)
            sandbox.endpoints["aws"] = aws.url
            sandbox.environment.update(aws.environment)
            account = aws.accounts[-1].id if iam is not None else None  # the one of the document comes last
        else:
            absent = LoopbackServer(NotSimulated("AWS", "aws", plan), name="sandbox-aws")
            sandbox.on_close(absent.close)
            sandbox.endpoints["aws"] = absent.url
        if folder is not None and has_google(folder):
            google, credentials_of_google = start_google(folder, clock, plan, target)
            sandbox.environment.update(credentials_of_google)
        else:
            google = LoopbackServer(NotSimulated("Google", "google", plan), name="sandbox-google")
        sandbox.on_close(google.close)
        sandbox.endpoints["google"] = google.url
        trackers = {} if folder is None else start_trackers(folder, clock, plan)
        for source, tracker in trackers.items():
            sandbox.on_close(tracker.close)
            sandbox.endpoints[source] = tracker.url
            sandbox.environment.update(tracker.environment)
        sandbox.github_app = {
            "GITHUB_APP_ID": str(installation.app.id),
            "GITHUB_APP_INSTALLATION_ID": str(installation.id),
            "GITHUB_APP_PRIVATE_KEY_FILE": str(key_file),
        }
        sandbox.github_token = {"GITHUB_TOKEN": token}
        # One of the two: with both, nobody could tell who asks.
        sandbox.environment.update(sandbox.github_app if organisation.read_by_app else sandbox.github_token)
        if folder is not None:
            sandbox.program = write_company_programme(
                folder, load_company(folder), target, github.url, account, google_url=google.url,
                trackers={source: tracker.url for source, tracker in trackers.items()},
            )  # fmt: skip
        else:
            names = [name for owner, name, _ in histories if owner.lower() == organisation.login.lower()]
            sandbox.program = write_history_programme(
                target, organisation.login, names, last, first, github.url, account=account, today=clock.now().date()
            )
        described = {
            "company": company and str(company),
            "endpoints": sandbox.endpoints,
            "program": str(sandbox.program),
        }
        control = Control(clock, plan, described, github.application.limits.allow)
        server = LoopbackServer(control.application(), port=port, name="sandbox-control")
        sandbox.on_close(server.close)
        sandbox.faults = server.url
    except BaseException:
        sandbox.close()
        raise
    return sandbox


def _add_history(world: World, organisation: Organisation, name: str, path: Path) -> Any:
    try:
        return add_history(world, organisation, name, path)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _owner(world: World, login: str) -> Organisation:
    """The organisation of a history; a new one has one owner, whose token the sandbox hands out."""
    known = world.organisations.get(login.lower())
    if known is not None:
        return known
    organisation = world.organisation(login, plan="team", created_at=0, name=login)
    _join(organisation, world.account(f"{login}-owner", name=f"Owner of {login}"))
    return organisation


def _join(organisation: Organisation, account: Any) -> None:
    if organisation.membership(account, 1) is None:
        organisation.members.insert(0, Member(account, Changing("admin"), 0))


def _reading_owner(organisation: Organisation) -> Any:
    """Whose token is handed out: the reader of the company's script, or the first owner."""
    if organisation.reader is not None:
        return organisation.reader
    for member in organisation.members:
        if member.role.at(member.start) == "admin":
            return member.account
    raise ConfigurationError(f"organisation {organisation.login} has no owner whose token the sandbox could hand out")


def _reader_key(target: Path) -> Path:
    """A new private key for the reader's app; it opens nothing but this sandbox."""
    path = target / "github-app.pem"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    path.chmod(0o600)
    return path


def _reader(world: World, organisation: Organisation, credentials: Credentials, key_file: Path) -> Installation:
    """The app that evidence is read with, installed in the organisation."""
    private = serialization.load_pem_private_key(key_file.read_bytes(), None)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for installed in organisation.installations:
        if installed.app.slug == READER_APP:
            credentials.add_app_key(installed.app, public.decode())
            return installed
    created: Epoch = organisation.account.created_at
    app = world.app(READER_APP, name="Evidence reader", created_at=created)
    app.owner = organisation.account
    app.permissions = READER_PERMISSIONS
    number = world.numbers.allot("installation", f"{organisation.login}/{READER_APP}")
    installation = Installation(number, app, organisation, created, Changing(READER_PERMISSIONS))
    organisation.installations.append(installation)
    credentials.add_app_key(app, public.decode())
    return installation


@contextlib.contextmanager
def running(
    company: str | Path | None = None,
    changes: Sequence[str] = (),
    iam: Path | None = None,
    now: datetime | None = None,
    *,
    port: int = 0,
    directory: Path | None = None,
    own_process: bool = False,
) -> Generator[Sandbox]:
    """A sandbox for the length of a `with` block; the parameters are those of `start`.

    With `own_process` the sources run in a child process, and `clock`, `plan` and `world` are None.
    """
    if own_process:
        with _child(company, changes, iam, now, port, directory) as sandbox:
            yield sandbox
        return
    sandbox = start(company, changes, iam, now, port=port, directory=directory)
    try:
        yield sandbox
    finally:
        sandbox.close()


@contextlib.contextmanager
def _child(
    company: str | Path | None,
    changes: Sequence[str],
    iam: Path | None,
    now: datetime | None,
    port: int,
    directory: Path | None,
) -> Generator[Sandbox]:
    arguments = ["--port", str(port)]
    if company is not None:
        arguments += ["--company", str(company)]
    for change in changes:
        arguments += ["--changes", change]
    if iam is not None:
        arguments += ["--iam", str(iam)]
    if now is not None:
        arguments += ["--now", now.isoformat()]
    if directory is not None:
        arguments += ["--dir", str(directory)]
    # -P: a file of the folder the user stands in must not be imported in place of a module.
    command = [sys.executable, "-P", "-m", "sandbox.serve", *arguments]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own interpreter and module
    try:
        line = child.stdout.readline() if child.stdout else ""
        if not line:
            raise ConfigurationError("the sandbox did not start; what is wrong stands on its standard error")
        told = json.loads(line)
        yield Sandbox(
            Path(told["program"]),
            told["environment"],
            told["endpoints"],
            told["faults"],
            told["github_app"],
            told["github_token"],
        )
    finally:
        child.terminate()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()


new_event = threading.Event
"""What `serve` waits for."""


def serve(
    company: str | Path | None = None,
    changes: Sequence[str] = (),
    iam: Path | None = None,
    now: datetime | None = None,
    port: int = 0,
    directory: Path | None = None,
    output: TextIO | None = None,
) -> None:
    """Start, print one JSON line (program, environment, endpoints, faults) and run until interrupted or terminated."""
    stop = new_event()
    previous: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, lambda _number, _frame: stop.set())
    try:
        with running(company, changes, iam, now, port=port, directory=directory) as sandbox:
            stream = output or sys.stdout
            stream.write(json.dumps(sandbox.describe()) + "\n")
            stream.flush()
            stop.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m sandbox.serve`, what a child process runs."""
    parser = argparse.ArgumentParser(prog="sandbox.serve")
    parser.add_argument("--company")
    parser.add_argument("--changes", action="append", default=[])
    parser.add_argument("--iam", type=Path)
    parser.add_argument("--now", type=datetime.fromisoformat)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dir", type=Path)
    given = parser.parse_args(arguments)
    try:
        serve(given.company, given.changes, given.iam, given.now, given.port, given.dir)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
