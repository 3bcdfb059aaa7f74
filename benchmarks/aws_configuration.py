"""How long reading the configuration of an AWS account takes, beside Prowler reading the same account.

    python benchmarks/aws_configuration.py [--users 300] [--groups 1000] [--buckets 100] [--latency 40] [--prowler VENV]

moto serves the account in a process of its own, behind a door that counts requests, adds the latency to each and
answers the few calls that moto does not (see `_AMENDED`). Measured are (1) the collector: IAM (sign-in, keys,
privileges) and the five datasets of configuration into a real store, (2) a plain boto3 loop over the same resources, as
it is usually written, (3) `prowler aws --compliance soc2_aws` for the same region, from its own virtual environment.
Prowler is installed into that environment from PyPI where it is not there yet. Each runs as a process; its peak memory
is the operating system's figure. What moto does not know at all it answers with an error that Prowler repeats, which
counts against Prowler; the figures are of reading this account and not of AWS.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

REGION = "us-east-1"
ACCOUNT = "123456789012"
_AMENDED = {
    "GetEbsDefaultKmsKeyId": ("ec2", "<kmsKeyId>alias/aws/ebs</kmsKeyId>"),
    "GetSnapshotBlockPublicAccessState": ("ec2", "<state>unblocked</state>"),
    "GetImageBlockPublicAccessState": ("ec2", "<imageBlockPublicAccessState>unblocked</imageBlockPublicAccessState>"),
}
"""What moto lacks, by action, as AWS writes it."""


# --- the account ------------------------------------------------------------------------------------------------------


class Door:
    """Stands before moto: counts, waits, and sets right what moto answers otherwise than AWS."""

    def __init__(self, app: Any, latency: float) -> None:
        self.app, self.latency = app, 0.0
        self.then = latency
        self.counted: Counter[str] = Counter()
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/benchmark/start":
            self.counted.clear()
            self.latency = self.then
            return self._say(start_response, b"{}", "application/json")
        if environ["PATH_INFO"] == "/benchmark/counted":
            return self._say(start_response, json.dumps(self.counted).encode(), "application/json")
        action = self._action(environ)
        with self.lock:
            self.counted[action] += 1
        time.sleep(self.latency)
        if action in _AMENDED:
            inner = _AMENDED[action][1]
            namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"
            body = f'<{action}Response xmlns="{namespace}"><requestId>x</requestId>{inner}</{action}Response>'
            return self._say(start_response, body.encode(), "text/xml")
        if action == "GetCredentialReport":
            return self._report(environ, start_response)
        return self.app(environ, start_response)

    def _action(self, environ: dict[str, Any]) -> str:
        target = environ.get("HTTP_X_AMZ_TARGET")
        if target:
            return str(target).rpartition(".")[2]
        if str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
            import io

            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            return parse_qs(body.decode()).get("Action", ["?"])[0]
        query = re.sub(r"=.*", "", environ["QUERY_STRING"].partition("&")[0])
        return f"{environ['REQUEST_METHOD']} {'?' + query if query else environ['PATH_INFO']}"

    def _report(self, environ: dict[str, Any], start_response: Any) -> Any:
        """moto dates every report 2015 and leaves out the root user."""
        body = b"".join(self.app(environ, lambda *_: None)).decode()
        found = re.search(r"<Content>(.*?)</Content>", body, re.DOTALL)
        if found is None:
            return self._say(start_response, body.encode(), "text/xml", "410 Gone")
        report = base64.b64decode(found.group(1)).decode()
        header, _, rest = report.partition("\n")
        names = header.split(",")
        root = dict.fromkeys(names, "N/A") | {
            "user": "<root_account>", "arn": f"arn:aws:iam::{ACCOUNT}:root", "password_enabled": "not_supported",
            "user_creation_time": "2020-01-01T00:00:00+00:00", "mfa_active": "true", "access_key_1_active": "false",
            "access_key_2_active": "false", "cert_1_active": "false", "cert_2_active": "false",
            "password_last_used": "no_information", "password_last_changed": "not_supported",
            "password_next_rotation": "not_supported",
        }  # fmt: skip
        whole = "\n".join([header, ",".join(root[name] for name in names), rest])
        body = body.replace(found.group(1), base64.b64encode(whole.encode()).decode())
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = re.sub(r"<GeneratedTime>.*?</GeneratedTime>", f"<GeneratedTime>{now}</GeneratedTime>", body)
        return self._say(start_response, body.encode(), "text/xml")

    @staticmethod
    def _say(start_response: Any, body: bytes, kind: str, status: str = "200 OK") -> list[bytes]:
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]


def serve(users: int, groups: int, buckets: int, latency: int) -> None:
    """Run the account until standard input closes; prints its address once everything is there."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *args: Any) -> None:
            """Nothing."""

    door = Door(DomainDispatcherApplication(create_backend_app), latency / 1000)
    server = make_server("127.0.0.1", 0, door, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    os.environ.update(environment(url))
    populate(url, users, groups, buckets)
    print(json.dumps({"url": url}), flush=True)
    sys.stdin.read()


def populate(url: str, users: int, groups: int, buckets: int) -> None:
    """Users with keys and second factors, groups with rules, buckets of several kinds; one thing after the other."""
    import boto3

    iam, ec2, s3 = (boto3.client(name, endpoint_url=url, region_name=REGION) for name in ("iam", "ec2", "s3"))
    for number in range(users):
        name = f"user-{number:04}"
        iam.create_user(UserName=name)
        iam.create_access_key(UserName=name)
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    present = len(ec2.describe_security_groups()["SecurityGroups"])
    for number in range(groups - present):
        made = ec2.create_security_group(GroupName=f"g-{number:05}", Description="x", VpcId=network)["GroupId"]
        cidr = "0.0.0.0/0" if number % 50 == 0 else f"10.0.{number % 250}.0/24"
        ec2.authorize_security_group_ingress(GroupId=made, IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp=cidr)
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    for number in range(buckets):
        name = f"bucket-{number:04}"
        s3.create_bucket(Bucket=name)
        # As AWS makes them since 2023; moto leaves it out.
        s3.put_bucket_ownership_controls(
            Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )
        if number % 4 == 0:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if number % 5 == 0:
            resources = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
            policy = {"Version": "2012-10-17", "Statement": [{**deny, "Resource": resources}]}
            s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))


def environment(url: str) -> dict[str, str]:
    """What boto3 needs to come to the account, and nothing of whoever runs this."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip


# --- what is measured -------------------------------------------------------------------------------------------------


def read() -> None:
    """Collect into a store in a folder of its own; prints rows by dataset."""
    from connectors.aws.extractors import EXTRACTORS
    from connectors.aws.session import AccountAccess, open_session
    from connectors.collect import collect
    from connectors.provenance import RunFacts
    from connectors.store import Signer, create_store
    from schemas import aws, aws_configuration
    from schemas.scope import ScopeItem

    def now() -> datetime:
        return datetime.now(UTC)

    session = open_session([AccountAccess(ACCOUNT)], now=now, regions=[REGION])
    account, region = (ScopeItem(one, one, "aws") for one in (f"aws:{ACCOUNT}", f"aws:{ACCOUNT}:{REGION}"))
    passes = (
        ((aws.SIGN_IN, aws.ACCESS_KEYS), account), ((aws.PRIVILEGES,), account), (aws_configuration.DATASETS, region)
    )  # fmt: skip
    rows: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="evidence-bench-") as folder:
        store = create_store(
            Path(folder) / "store", simulated=True, now=now, signer=Signer.generate(), product_version="benchmark"
        )
        for datasets, item in passes:
            facts = RunFacts(zone="UTC", programme_digest="sha256:0", code_commit="0" * 40)
            extractor = EXTRACTORS[datasets[0].name]
            done = collect(store, extractor, lambda: session, [item], datasets, None, facts=facts, flow="benchmark")
            for claim in done.claims:
                assert claim.status == "ok", claim
                rows[claim.dataset] = claim.rows
    print(json.dumps({"rows": rows, "requests": session.client.requests}))


def loop() -> None:
    """What is usually written: every resource asked about by itself, one call after the other."""
    import boto3
    from botocore.exceptions import ClientError

    iam, ec2, s3 = (boto3.client(name) for name in ("iam", "ec2", "s3"))
    asked = 2
    for user in [one for page in iam.get_paginator("list_users").paginate() for one in page["Users"]]:
        name = user["UserName"]
        for call in (iam.list_access_keys, iam.list_mfa_devices, iam.list_attached_user_policies,
                     iam.list_user_policies, iam.list_groups_for_user):  # fmt: skip
            call(UserName=name)
            asked += 1
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
            asked += 1
        asked += 1
    ec2.describe_security_groups()
    for bucket in s3.list_buckets()["Buckets"]:
        for call in (s3.get_public_access_block, s3.get_bucket_policy, s3.get_bucket_policy_status, s3.get_bucket_acl,
                     s3.get_bucket_encryption, s3.get_bucket_versioning, s3.get_bucket_lifecycle_configuration,
                     s3.get_bucket_logging):  # fmt: skip
            asked += 1
            try:
                call(Bucket=bucket["Name"])
            except ClientError:
                continue
    print(json.dumps({"requests": asked}))


def measured(command: list[str], url: str, **more: Any) -> tuple[float, float, str, int, float]:
    """Seconds, peak memory in MB, what it said, its exit code, and the seconds of processor time it took."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(url), text=True, **more)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    used = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - began, usage.ru_maxrss / 1024, said, os.waitstatus_to_exitcode(status), used


def prowler(folder: Path) -> Path:
    """The command, installed into a virtual environment where it is not there yet."""
    command = folder / "bin" / "prowler"
    if not command.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", "prowler"], check=True)
    return command


def counted(url: str, what: str) -> dict[str, int]:
    import urllib.request

    with urllib.request.urlopen(f"{url}/benchmark/{what}") as answer:
        return json.loads(answer.read())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--buckets", type=int, default=100)
    parser.add_argument("--latency", type=int, default=40, help="milliseconds added to every answer")
    parser.add_argument("--repeat", type=int, default=3, help="how often the collector runs; the median counts")
    parser.add_argument("--loop", action="store_true", help="run the plain loop too")
    parser.add_argument("--prowler", type=Path, help="virtual environment of Prowler; without it only the collector")
    parser.add_argument("--as", dest="role", choices=("server", "collector", "loop"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role == "server":
        serve(arguments.users, arguments.groups, arguments.buckets, arguments.latency)
    elif arguments.role == "collector":
        read()
    elif arguments.role == "loop":
        loop()
    else:
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    me = [sys.executable, __file__]
    sizes = [f"--{name}={getattr(arguments, name)}" for name in ("users", "groups", "buckets", "latency")]
    server = subprocess.Popen(
        [*me, "--as=server", *sizes],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(""),
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        url = json.loads(server.stdout.readline())["url"]
        runs: list[tuple[float, float]] = []
        said = ""
        for _ in range(arguments.repeat):
            counted(url, "start")
            seconds, memory, said, code, used = measured([*me, "--as=collector"], url)
            assert code == 0, code
            runs.append((seconds, memory))
            requests = sum(counted(url, "counted").values())
            print(
                f"collector: {seconds:.1f} s ({used:.1f} s of processor time), {memory:.0f} MB, {requests} requests at "
                f"{arguments.latency} ms each",
                flush=True,
            )
        print("  rows: " + ", ".join(f"{name} {count}" for name, count in sorted(json.loads(said)["rows"].items())))
        ours, memory = sorted(runs)[len(runs) // 2]
        if arguments.loop:
            counted(url, "start")
            seconds, _, said, _, _ = measured([*me, "--as=loop"], url)
            print(f"plain loop: {seconds:.1f} s, {json.loads(said)['requests']} requests", flush=True)
        if arguments.prowler is not None:
            beside_prowler(arguments.prowler, url, ours, memory)
    finally:
        server.stdin.close()
        server.wait(20)


def beside_prowler(folder: Path, url: str, ours: float, memory: float) -> None:
    command = str(prowler(folder))
    with tempfile.TemporaryDirectory(prefix="prowler-bench-") as out:
        counted(url, "start")
        asked = [command, "aws", "--compliance", "soc2_aws", "-f", REGION, "-o", out, "-M", "csv", "--no-banner"]
        theirs, their_memory, _, code, used = measured(asked, url, stderr=subprocess.DEVNULL)
        requests = sum(counted(url, "counted").values())
    print(
        f"prowler: {theirs:.1f} s ({used:.1f} s of processor time), {their_memory:.0f} MB, {requests} requests, exit "
        f"{code} (3: findings failed)"
    )
    print(f"ratio: {theirs / ours:.1f} times faster, {memory / their_memory:.2f} of the memory")


if __name__ == "__main__":
    main()
