"""The bucket that CloudTrail delivers to: what lies there, and single files. Everything asked is kept and counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.aws.calls import Answer, Caller
from connectors.aws.reading import Reading
from connectors.aws.session import AwsClient
from connectors.aws.trail.layout import Place
from schemas.errors import ConfigurationError, IncompletePopulation, PermissionDenied, SchemaDrift

_NO_FILE = ("NoSuchKey", "404")
_NO_BUCKET = ("NoSuchBucket",)


class Bucket:
    """Reads with the account's own role, or with that of another account of the programme where only it may."""

    def __init__(self, client: AwsClient, reading: Reading, place: Place) -> None:
        self.place = place
        self._client = client
        self._reading = reading
        self._caller: Caller | None = None
        self._lock = threading.Lock()
        self.received: list[Answer] = []
        """Files that were read and not noted yet; see `note`."""

    def account_folders(self, account: str) -> list[str]:
        """The folders of an account: right where the programme says, or in those of organisations.

        Raises `IncompletePopulation` where there is none.
        """
        own, organisations = self.place.folders(self._folders(self.place.base), account)
        for organisation in organisations:
            own += [folder for folder in self._folders(organisation) if folder == f"{organisation}{account}/"]
        if not own:
            raise IncompletePopulation(
                f"Nothing is delivered for account {account} below s3://{self.place.bucket}/{self.place.base}. Correct "
                "scope.aws.cloudtrail, or have the trail record this account."
            )
        return own

    def regions(self, folder: str) -> list[str]:
        """The regions that digests of an account were delivered for, at any time."""
        base = f"{folder}CloudTrail-Digest/"
        return [found[len(base) : -1] for found in self._folders(base)]

    def files(self, prefix: str) -> Iterator[str]:
        """Names of all files below a prefix."""
        for page in self._listed(prefix):
            yield from (str(entry["Key"]) for entry in page.get("Contents") or [])

    def file(self, key: str) -> Answer | None:
        """A file; None where there is none of that name. Threads may ask side by side.

        What was read is not kept as an answer, for the rows hold every record of it: `note` writes down that it was.
        """
        answer = self._caller_of_bucket().ask(
            "s3:GetObject", expect=_NO_FILE, Bucket=self.place.bucket, Key=key, region=self._client.region
        )
        with self._lock:
            self.received.append(answer)
        return None if answer.error_code is not None else answer

    def note(self) -> None:
        """Write down the files that were read since the last time, by name, size and version. For the main thread."""
        with self._lock:
            some, self.received = self.received, []
        for answer in some:
            noted = {"operation": answer.operation, **answer.parameters, "bytes": len(answer.body)}
            self._reading.sink.answer(
                dataset=self._reading.dataset, method="GET", url=answer.url, status=answer.status,
                headers=answer.headers, body=b"", parameters=noted,
            )  # fmt: skip

    def _folders(self, prefix: str) -> list[str]:
        return [
            str(entry["Prefix"])
            for page in self._listed(prefix, Delimiter="/")
            for entry in page.get("CommonPrefixes") or []
        ]

    def _listed(self, prefix: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        pages = self._caller_of_bucket().pages(
            "s3:ListObjectsV2", asked="ContinuationToken", answered="NextContinuationToken", more="IsTruncated",
            region=self._client.region, Bucket=self.place.bucket, Prefix=prefix, **parameters,
        )  # fmt: skip
        before = ""
        for page in pages:
            self._reading.keep(page)
            self._reading.pages += 1
            if page.parsed.get("Name") != self.place.bucket or (page.parsed.get("Prefix") or "") != prefix:
                raise SchemaDrift(f"S3 lists something else than s3://{self.place.bucket}/{prefix}.")
            keys = [str(entry.get("Key")) for entry in page.parsed.get("Contents") or []]
            if any(not key.startswith(prefix) for key in keys) or keys != sorted(keys) or (keys and keys[0] <= before):
                raise IncompletePopulation(
                    f"The list of s3://{self.place.bucket}/{prefix} comes out of order, so files may be missing from "
                    "it. Nothing was kept; run again."
                )
            before = keys[-1] if keys else before
            yield page.parsed

    def _caller_of_bucket(self) -> Caller:
        if self._caller is None:
            self._caller, answer = reader_of(self._client, self._reading.caller, self.place)
            self._reading.keep(answer)
        return self._caller


def reader_of(client: AwsClient, own: Caller, place: Place) -> tuple[Caller, Answer]:
    """Who may list the bucket, and the first entry of its list: the account's own role, or that of another one.

    Raises `PermissionDenied` where nobody may, and `ConfigurationError` where there is no such bucket.
    """
    others = [access.account_id for access in client.accounts if access.account_id != own.account]
    refused: PermissionDenied | None = None
    for caller in (own, *map(client.account, others)):
        try:
            answer = caller.ask(
                "s3:ListObjectsV2", expect=_NO_BUCKET, region=client.region, Bucket=place.bucket, Prefix=place.base,
                MaxKeys=1,
            )  # fmt: skip
        except PermissionDenied as denied:
            refused = refused or denied
            continue
        if answer.error_code is not None:
            raise ConfigurationError(
                f"There is no bucket {place.bucket}, which scope.aws.cloudtrail names. Correct it."
            )
        return caller, answer
    raise PermissionDenied(
        f"None of the programme's roles may list s3://{place.bucket}, where CloudTrail delivers. Allow s3:ListBucket "
        "on it and s3:GetObject on what is in it, in the role's policy and in the bucket's own.",
        permission=f"s3:ListBucket on {place.bucket}",
    ) from refused


def delivered_at(answer: Answer) -> datetime | None:
    """When a file was put into the bucket."""
    found = answer.parsed.get("LastModified")
    return found if isinstance(found, datetime) else None
