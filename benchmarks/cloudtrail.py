"""CloudTrail's files to stored evidence: seconds, processor time and memory, beside what readers of JSON take.

    python benchmarks/cloudtrail.py [--events 1000000] [--only product,duckdb,pyarrow]

Made-up events, with request parameters of another shape for every operation, lie in gzip files under signed digests on
moto's S3 server. The product reads them as it does in earnest: digests and chain checked, files hashed, secrets looked
for, rows sorted into deterministic Parquet with a digest over them. DuckDB and pyarrow read the same files from the
disk and write Parquet: DuckDB with the fields of mixed type as JSON, pyarrow those records alone whose parameters have
one shape, for of others it makes an error. Each runs in a process of its own (`uv pip install --group benchmarks`).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ACCOUNT, BUCKET = "111122223333", "bench-trail"
REGIONS = ("eu-west-1", "us-east-1")
DAY = datetime(2026, 4, 1, tzinfo=UTC)
PER_FILE = 4000
MB = 1 << 20

_NAMES = (
    ("ec2.amazonaws.com", "DescribeInstances", True), ("sts.amazonaws.com", "AssumeRole", True),
    ("s3.amazonaws.com", "PutBucketPolicy", False), ("iam.amazonaws.com", "AttachRolePolicy", False),
    ("rds.amazonaws.com", "ModifyDBInstance", False), ("kms.amazonaws.com", "Decrypt", True),
)  # fmt: skip


def parameters(shape: int, number: int) -> Any:
    """Request parameters; the same field is an object, a list, a text, a number or absent."""
    return (
        {"filterSet": {"items": [{"name": "tag:a", "valueSet": {"items": [{"value": str(number)}]}}]}},
        {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/r{number % 97}", "durationSeconds": 3600},
        {"bucketPolicy": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:Get*"]}]}},
        {"roleName": f"r{number % 97}", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
        {"filterSet": [str(number), number], "durationSeconds": "3600", "bucketPolicy": "text"},
        None,
    )[shape]


def event(number: int, at: datetime, region: str, chance: random.Random, uniform: bool) -> dict[str, Any]:
    """One record of about a kilobyte."""
    shape = number % len(_NAMES)
    source, name, read_only = _NAMES[shape]
    session = f"session-{number % 1009}"
    asked = {"roleName": f"r{number % 97}", "policyArn": "arn"} if uniform else parameters(shape, number)
    return {
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "AssumedRole", "principalId": f"AROAEXAMPLEEXAMPLE:{session}", "accountId": ACCOUNT,
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/r{number % 97}/{session}",
            "accessKeyId": "ASIAEXAMPLEEXAMPLE",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role", "principalId": "AROAEXAMPLEEXAMPLE", "accountId": ACCOUNT,
                    "arn": f"arn:aws:iam::{ACCOUNT}:role/r{number % 97}", "userName": f"r{number % 97}",
                },
                "attributes": {"creationDate": "2026-04-01T00:00:00Z", "mfaAuthenticated": "false"},
            },
        },
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "eventSource": source, "eventName": name, "awsRegion": region,
        "sourceIPAddress": f"198.51.100.{number % 250}", "userAgent": "Boto3/1.34.0 md/Botocore#1.34.0 ua/2.0",
        "requestParameters": asked, "responseElements": {"requestId": str(number)} if uniform or shape == 3 else None,
        "requestID": str(uuid.UUID(int=chance.getrandbits(128))),
        "eventID": str(uuid.UUID(int=chance.getrandbits(128))), "readOnly": read_only, "eventType": "AwsApiCall",
        "managementEvent": True, "recipientAccountId": ACCOUNT, "eventCategory": "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                       "clientProvidedHostHeader": f"{source.split('.')[0]}.{region}.amazonaws.com"},
    }  # fmt: skip


def write_files(folder: Path, events: int, uniform: bool) -> Path:
    """A day of log files in the layout of CloudTrail, and `digests.json` with hash and times of each."""
    chance = random.Random(7)  # noqa: S311 - made-up events
    count = max(1, -(-events // PER_FILE))
    listed: list[dict[str, str]] = []
    for file in range(count):
        region = REGIONS[file % 2]
        at = DAY + timedelta(seconds=file * 79_200 // count)
        numbers = range(file * PER_FILE, min(events, (file + 1) * PER_FILE))
        records = [event(number, at + timedelta(seconds=number % 60), region, chance, uniform) for number in numbers]
        text = json.dumps({"Records": records}, separators=(",", ":")).encode()
        delivered = at + timedelta(minutes=6)
        key = (
            f"AWSLogs/{ACCOUNT}/CloudTrail/{region}/{delivered:%Y/%m/%d}/"
            f"{ACCOUNT}_CloudTrail_{region}_{delivered:%Y%m%dT%H%MZ}_{file:016x}.json.gz"
        )
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text, 6, mtime=0))
        times = [record["eventTime"] for record in records]
        listed.append({
            "region": region, "at": delivered.isoformat(), "key": key, "sha256": hashlib.sha256(text).hexdigest(),
            "oldest": min(times), "newest": max(times),
        })  # fmt: skip
    (folder / "digests.json").write_text(json.dumps(listed), encoding="utf-8")
    return folder


def serve(folder: Path) -> None:
    """moto's server with the files and signed digests in it; prints its port. It has no ListPublicKeys, so that is
    answered in front of it, and so are the regions: two."""
    import base64

    import boto3
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    keys = {"PublicKeyList": [{"Value": base64.b64encode(public).decode(), "Fingerprint": "f" * 32}]}
    regions = "".join(f"<item><regionName>{region}</regionName></item>" for region in REGIONS)
    regions = f"<DescribeRegionsResponse><regionInfo>{regions}</regionInfo></DescribeRegionsResponse>"
    inner = DomainDispatcherApplication(create_backend_app)

    def app(environ: Any, start_response: Any) -> Any:
        from io import BytesIO

        target = environ.get("HTTP_X_AMZ_TARGET", "")
        body = b""
        if environ["REQUEST_METHOD"] == "POST":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = BytesIO(body)
        for wanted, kind, text in (
            (target.endswith("ListPublicKeys"), "application/x-amz-json-1.1", json.dumps(keys)),
            (b"Action=DescribeRegions" in body, "text/xml", regions),
        ):
            if wanted:
                start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(text)))])
                return [text.encode()]
        return inner(environ, start_response)

    from werkzeug.serving import WSGIRequestHandler

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, code: Any = "-", size: Any = "-") -> None:
            """Quiet."""

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    import threading

    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_port
    client = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id="x",
        aws_secret_access_key="y",
    )  # fmt: skip
    client.create_bucket(Bucket=BUCKET)
    listed = json.loads((folder / "digests.json").read_text(encoding="utf-8"))
    for one in listed:
        client.put_object(Bucket=BUCKET, Key=one["key"], Body=(folder / one["key"]).read_bytes())
    for region in REGIONS:
        before: dict[str, str | None] = {"key": None, "sha256": None, "signature": None}
        for hour in range(-1, 26):
            start = DAY + timedelta(hours=hour)
            before = _digest(client, private, region, start, before, [
                one for one in listed
                if one["region"] == region and start <= datetime.fromisoformat(one["at"]) < start + timedelta(hours=1)
            ], padding.PKCS1v15(), SHA256())  # fmt: skip
    print(port, flush=True)
    time.sleep(36_000)


def _digest(
    client: Any, private: Any, region: str, start: datetime, before: dict[str, Any], files: list[dict[str, str]],
    pad: Any, algorithm: Any,
) -> dict[str, str | None]:  # fmt: skip
    end = start + timedelta(hours=1)
    key = (
        f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{region}/{end:%Y/%m/%d}/{ACCOUNT}_CloudTrail-Digest_{region}_bench_"
        f"us-east-1_{end:%Y%m%dT%H%M%SZ}.json.gz"
    )
    zulu = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = json.dumps({
        "awsAccountId": ACCOUNT, "digestStartTime": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "digestEndTime": zulu,
        "digestS3Bucket": BUCKET, "digestS3Object": key, "digestPublicKeyFingerprint": "f" * 32,
        "digestSignatureAlgorithm": "SHA256withRSA", "newestEventTime": None, "oldestEventTime": None,
        "previousDigestS3Bucket": BUCKET if before["key"] else None, "previousDigestS3Object": before["key"],
        "previousDigestHashValue": before["sha256"], "previousDigestHashAlgorithm": "SHA-256",
        "previousDigestSignature": before["signature"],
        "logFiles": [
            {"s3Bucket": BUCKET, "s3Object": one["key"], "hashValue": one["sha256"], "hashAlgorithm": "SHA-256",
             "newestEventTime": one["newest"], "oldestEventTime": one["oldest"]} for one in files
        ],
    }).encode()  # fmt: skip
    sha256 = hashlib.sha256(text).hexdigest()
    signed = f"{zulu}\n{BUCKET}/{key}\n{sha256}\n{before['signature'] or 'null'}".encode()
    signature = private.sign(signed, pad, algorithm).hex()
    client.put_object(
        Bucket=BUCKET, Key=key, Body=gzip.compress(text), Metadata={"signature": signature},
    )  # fmt: skip
    return {"key": key, "sha256": sha256, "signature": signature}


def product(port: int, store_folder: Path) -> None:
    """Collect the day into a store, and print the number of rows."""
    from connectors.aws.session import AccountAccess, open_session
    from connectors.aws.trail.events import management_events
    from connectors.collect import collect
    from connectors.provenance import RunFacts
    from connectors.store import Signer, create_store
    from schemas.aws_trail import MANAGEMENT_EVENTS
    from schemas.scope import ScopeItem

    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip

    def now() -> datetime:
        return datetime.now(UTC)

    store = create_store(
        store_folder, simulated=True, now=now, signer=Signer.generate(), product_version="benchmark"
    )  # fmt: skip
    access = [AccountAccess(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:role/reader")]
    result = collect(
        store, management_events, lambda: open_session(access, now=now, trail=f"s3://{BUCKET}"),
        [ScopeItem(f"aws:{ACCOUNT}", "bench", "aws")], [MANAGEMENT_EVENTS], (DAY, DAY + timedelta(days=1)),
        facts=RunFacts("UTC", "sha256:0", "benchmark"), flow="benchmark",
    )  # fmt: skip
    [claim] = result.claims
    assert claim.status == "ok", claim
    print(claim.rows)


def duckdb(folder: Path, inferred: bool) -> None:
    """DuckDB's JSON reader to Parquet."""
    import duckdb as engine  # pyright: ignore[reportMissingImports] - beside the product

    text = "VARCHAR"
    fields = dict.fromkeys((
        "eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent",
        "requestID", "eventID", "eventType", "recipientAccountId", "eventCategory",
    ), text)  # fmt: skip
    fields |= {"readOnly": "BOOLEAN", "managementEvent": "BOOLEAN"}
    fields |= dict.fromkeys(("userIdentity", "requestParameters", "responseElements", "tlsDetails"), "JSON")
    declared = "STRUCT(" + ", ".join(f"{name} {kind}" for name, kind in fields.items()) + ")[]"
    columns = "" if inferred else f", columns={{Records: '{declared}'}}"
    with engine.connect() as connection:
        connection.execute("SET threads=2; SET memory_limit='4GB'; SET preserve_insertion_order=false")
        read = f"read_json('{folder}/AWSLogs/**/*.json.gz'{columns}, maximum_object_size=200000000)"
        copied = f"COPY (SELECT unnest(Records) AS r FROM {read}) TO '{folder}/duckdb.parquet'"  # noqa: S608
        connection.execute(copied + " (FORMAT parquet, COMPRESSION zstd)")
        print(connection.execute(f"SELECT count(*) FROM '{folder}/duckdb.parquet'").fetchall()[0][0])  # noqa: S608


def pyarrow(folder: Path) -> None:
    """pyarrow's JSON reader to Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import json as arrow_json

    rows, writer = 0, None
    for path in sorted(folder.glob("AWSLogs/**/*.json.gz")):
        data = gzip.decompress(path.read_bytes())
        table = arrow_json.read_json(
            pa.BufferReader(data), read_options=arrow_json.ReadOptions(block_size=len(data) + 1, use_threads=True)
        )
        records = pa.Table.from_struct_array(table["Records"].combine_chunks().flatten())
        writer = writer or pq.ParquetWriter(folder / "pyarrow.parquet", records.schema, compression="zstd")
        writer.write_table(records)
        rows += records.num_rows
    assert writer is not None
    writer.close()
    print(rows)


def processes_of(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += (task / "children").read_text(encoding="ascii").split()
    except OSError:
        return
    for child in set(children):
        yield from processes_of(int(child))


def resident(pid: int) -> int:
    """Bytes in memory, over the process and all below it; pages that are shared count once for each."""
    total = 0
    for one in set(processes_of(pid)):
        try:
            total += int(Path(f"/proc/{one}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue
    return total


def measured(label: str, events: int, *arguments: str) -> tuple[float, float] | None:
    """Run one contender: wall seconds and processor seconds; None where it failed."""
    before = os.times()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    after = os.times()
    busy = after.children_user - before.children_user + after.children_system - before.children_system
    output, errors = process.communicate()
    if process.returncode != 0 or int(output.split()[-1]) != events:
        lines = [line for line in errors.strip().splitlines() if line]
        print(f"{label:34} fails: {lines[-1][:150] if lines else output}")
        return None
    print(
        f"{label:34} {seconds:7.1f} s {events / seconds:9,.0f} events/s   {busy:7.1f} s of processors   "
        f"{peak / MB:6.0f} MB at most"
    )
    return seconds, busy


def compare(events: int, only: set[str]) -> None:
    """All contenders, on mixed and on uniform parameters, and the ratios."""
    found: dict[str, tuple[float, float] | None] = {}
    for uniform in (False, True):
        kind = "uniform" if uniform else "mixed"
        with tempfile.TemporaryDirectory(prefix="cloudtrail-bench-") as name:
            folder = write_files(Path(name), events, uniform)
            size = sum(path.stat().st_size for path in folder.glob("AWSLogs/**/*.json.gz"))
            print(f"{events:,} events, {kind} parameters, {-(-events // PER_FILE)} files, {size / MB:.0f} MB gzip")
            if "product" in only:
                server = subprocess.Popen(
                    [sys.executable, __file__, "--serve", name], stdout=subprocess.PIPE, text=True
                )
                try:
                    assert server.stdout is not None
                    port = server.stdout.readline().strip()
                    found[f"product {kind}"] = measured(
                        "product, from S3, proven", events, "--product", port, str(folder / "store")
                    )
                finally:
                    server.kill()
                    server.wait()
            if "duckdb" in only:
                found[f"duckdb {kind}"] = measured("duckdb, mixed fields as JSON", events, "--duckdb", name)
                found[f"inferred {kind}"] = measured("duckdb, types inferred", events, "--inferred", name)
            if "pyarrow" in only:
                found[f"pyarrow {kind}"] = measured("pyarrow", events, "--pyarrow", name)
    for kind, other in (
        ("mixed", "duckdb"), ("mixed", "inferred"), ("uniform", "duckdb"), ("uniform", "inferred"),
        ("uniform", "pyarrow"),
    ):  # fmt: skip
        ours, theirs = found.get(f"product {kind}"), found.get(f"{other} {kind}")
        if ours is not None and theirs is not None:
            print(
                f"{kind}: {theirs[0] / ours[0]:.2f} times as fast as {other}, with {ours[1] / theirs[1]:.2f} of its "
                "processor time"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--only", default="product,duckdb,pyarrow", help="contenders, with commas")
    for name in ("serve", "duckdb", "inferred", "pyarrow"):
        parser.add_argument(f"--{name}", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--product", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
    elif arguments.product:
        product(int(arguments.product[0]), Path(arguments.product[1]))
    elif arguments.duckdb or arguments.inferred:
        duckdb(arguments.duckdb or arguments.inferred, bool(arguments.inferred))
    elif arguments.pyarrow:
        pyarrow(arguments.pyarrow)
    else:
        compare(arguments.events, set(arguments.only.split(",")))


if __name__ == "__main__":
    main()
