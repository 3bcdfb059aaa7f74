"""What CloudTrail delivered for an account in a stretch of time: digests in their chains, and the files they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.aws.reading import Reading
from connectors.aws.trail.bucket import Bucket, delivered_at
from connectors.aws.trail.decoding import Decoded, Decoders, unpacked
from connectors.aws.trail.digests import HOUR, Content, Digest, Link, LogFile, Stretch, chain, read
from connectors.aws.trail.layout import DigestName, days, digest_name, digests_of, log_files_of
from connectors.aws.trail.records import Origin
from schemas.errors import IncompletePopulation, SchemaDrift

ATTEMPTS = 3
"""So often a file is fetched that is not what its digest says: it may have suffered on the way to us."""
MANY_FILES = 100
"""From so many log files on, processes of their own read them."""
DELIVERED_WITHIN = timedelta(hours=2)
"""A digest comes within so long after its hour; before that it is not missing."""
_SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class Named:
    """A log file, and the digest's link that names it."""

    file: LogFile
    link: Link


@dataclass(slots=True)
class Delivery:
    """The chains of every region, over one stretch of time."""

    reading: Reading
    bucket: Bucket
    asked: Stretch
    links: list[Link] = field(default_factory=list[Link])
    folders: list[str] = field(default_factory=list[str])
    regions: list[str] = field(default_factory=list[str])
    """Where digests are expected or are."""
    listed: int = 0
    """Log files that lie in the bucket for the time that digests speak of."""
    unnamed: list[str] = field(default_factory=list[str])
    """Those of them that no digest names."""

    def named(self) -> list[Named]:
        """The log files of every digest that can be believed, each once, in the order of their names."""
        found: dict[str, Named] = {}
        for link in self.links:
            if link.digest is not None and link.proven:
                for file in link.digest.content.log_files:
                    found.setdefault(file.place, Named(file, link))
        return [found[place] for place in sorted(found)]

    def uncovered(self, until: datetime) -> dict[str, list[Link]]:
        """By region what is wrong with the time up to `until`: links that prove nothing, where no other trail does."""
        found: dict[str, list[Link]] = {}
        for region in self.regions:
            links = [link for link in self.links if link.region == region]
            good = merged(link.stretch for link in links if link.proven)
            for link in links:
                if not link.proven and link.stretch.start < until and not _within(link.stretch, good):
                    found.setdefault(region, []).append(link)
        return found


def delivery_of(bucket: Bucket, reading: Reading, asked: Stretch, expected: datetime) -> Delivery:
    """Read the digests of a stretch and judge them; the time up to `expected` must have some in every enabled region.

    Raises `IncompletePopulation` where there is not one.
    """
    delivery = Delivery(reading, bucket, asked)
    delivery.folders = bucket.account_folders(reading.account)
    present = {region for folder in delivery.folders for region in bucket.regions(folder)}
    delivery.regions = sorted({*reading.regions, *present})
    found: dict[str, list[Digest]] = {}
    for region in delivery.regions:
        found[region] = _digests(delivery, region)
    if not any(found.values()):
        raise IncompletePopulation(
            f"There is no digest file of account {reading.account} in s3://{bucket.place.bucket} for the time asked, "
            "so nothing proves which events there were. Switch on the trail's log file validation."
        )
    for region, digests in found.items():
        _chain(delivery, region, digests, expected)
    return delivery


def _digests(delivery: Delivery, region: str) -> list[Digest]:
    asked = delivery.asked
    names: dict[str, DigestName] = {}
    for folder in delivery.folders:
        for day in days(asked.start - HOUR, asked.end + HOUR):
            for key in delivery.bucket.files(digests_of(folder, region, day)):
                name = digest_name(key)
                if name is None or (name.account, name.region) != (delivery.reading.account, region):
                    raise SchemaDrift(f"{key} lies among digests and is not named as one of {region}.")
                # The one before the first is needed to tell what that one follows.
                if asked.start - HOUR <= name.ends_at <= asked.end + HOUR:
                    names[key] = name
    with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="digests") as threads:
        read_all = threads.map(lambda key: _digest(delivery.bucket, key, names[key]), sorted(names))
        digests = [digest for digest in read_all if digest is not None]
    delivery.bucket.note()
    return digests


def _digest(bucket: Bucket, key: str, name: DigestName) -> Digest | None:
    text: bytes | None = None
    answer = None
    for _ in range(ATTEMPTS):
        answer = bucket.file(key)
        if answer is None:
            return None  # it was listed a moment ago: the time it speaks of has no digest
        text = unpacked(answer.body)
        if text is not None:
            break
    assert answer is not None
    signature = (answer.parsed.get("Metadata") or {}).get("signature")
    content = None if text is None else read(text)
    return Digest(
        name, bucket.place.bucket, key, text or b"", content or _nothing(name), signature, delivered_at(answer)
    )


def _nothing(name: DigestName) -> Content:
    """What a digest says that can't be read. It does not name itself, so nothing of it is believed."""
    return Content(
        name.account, name.ends_at - HOUR, name.ends_at, "", "", "", "", None, None, None, None, None, None, ()
    )


def _chain(delivery: Delivery, region: str, digests: Sequence[Digest], expected: datetime) -> None:
    keys = _public_keys(delivery, region) if digests else {}
    links: list[Link] = []
    for trail in sorted({digest.name.trail for digest in digests}):
        links += chain([digest for digest in digests if digest.name.trail == trail], keys)
    asked = delivery.asked
    links = [link for link in links if link.stretch.end > asked.start and link.stretch.start < asked.end]
    if region in delivery.reading.regions:
        covered = merged(link.stretch for link in links)
        for missing in missing_from(Stretch(asked.start, min(asked.end, expected)), covered):
            links.append(Link(region, None, missing, "digest_missing", f"no digest of {region} speaks of this time"))
    delivery.links += sorted(links, key=lambda link: (link.stretch, link.trail or ""))
    _compare_with_list(delivery, region, links)


def _compare_with_list(delivery: Delivery, region: str, links: Sequence[Link]) -> None:
    """Log files that lie there against those named: what no digest names was not delivered by AWS, or not yet."""
    digests = [link.digest for link in links if link.digest is not None]
    if not digests:
        return
    last = max(digest.stretch.end for digest in digests)
    named = {file.s3_object for digest in digests for file in digest.content.log_files}
    for folder in delivery.folders:
        for day in days(delivery.asked.start, min(delivery.asked.end, last)):
            for key in delivery.bucket.files(log_files_of(folder, region, day)):
                if key in named:
                    delivery.listed += 1
                elif delivery.asked.start <= (at := _named_at(key)) < last - HOUR:
                    delivery.listed += 1
                    delivery.unnamed.append(f"{key} ({at:%Y-%m-%dT%H:%MZ})")


def _named_at(key: str) -> datetime:
    """When a log file was delivered, as its name says."""
    text = key.rpartition("/")[2].split("_")[3] if key.count("_") > 3 else ""
    try:
        return datetime.strptime(text + "+0000", "%Y%m%dT%H%MZ%z")
    except ValueError as error:
        raise SchemaDrift(f"{key} lies among log files and is not named as one.") from error


def _public_keys(delivery: Delivery, region: str) -> Mapping[str, bytes]:
    reading, asked = delivery.reading, delivery.asked
    return {
        str(entry.parsed.get("Fingerprint")): bytes(entry.parsed.get("Value") or b"")
        for entry in reading.entries(
            "cloudtrail:ListPublicKeys", "PublicKeyList", key=lambda one: one.get("Fingerprint"), region=region,
            StartTime=asked.start - HOUR, EndTime=asked.end + HOUR,
        )
    }  # fmt: skip


def read_files(delivery: Delivery, decoders: Decoders, origin: Origin | None = None) -> Iterator[tuple[Named, Decoded]]:
    """Every log file that a digest names, read and held against it; a file that is not as named spoils its hour."""
    bucket = delivery.bucket

    def work(named: Named) -> Decoded:
        # In a bucket of the programme's: a digest never names another.
        found = Decoded()
        wanted = None if origin is None else origin.of_file(f"s3://{named.file.place}")
        for _ in range(ATTEMPTS):
            answer = bucket.file(named.file.s3_object)
            if answer is None:
                return Decoded(missing=True)
            found = decoders.decode(answer.body, wanted, named.file.hash_value)
            if found.sha256 == named.file.hash_value:
                break
        return found

    for named, found in decoders.each(delivery.named(), work):
        bucket.note()
        if found.missing:
            named.link.missing += 1
            named.link.spoil("file_missing", named.file.s3_object)
        elif found.sha256 != named.file.hash_value or named.file.s3_bucket != bucket.place.bucket:
            named.link.altered += 1
            named.link.spoil("file_altered", named.file.s3_object)
        else:
            named.link.whole += 1
            yield named, found


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Stretches of time as one list without overlaps, in order."""
    out: list[Stretch] = []
    for one in sorted(stretches):
        if out and one.start <= out[-1].end:
            out[-1] = Stretch(out[-1].start, max(out[-1].end, one.end))
        else:
            out.append(one)
    return out


def missing_from(whole: Stretch, covered: Sequence[Stretch]) -> list[Stretch]:
    """The parts of a stretch that none of the others covers; `covered` as `merged` gives it."""
    out: list[Stretch] = []
    at = whole.start
    for one in covered:
        if one.start > at and one.start < whole.end:
            out.append(Stretch(at, one.start))
        at = max(at, one.end)
    if at < whole.end:
        out.append(Stretch(at, whole.end))
    return [one for one in out if one.start < one.end]


def _within(stretch: Stretch, covered: Sequence[Stretch]) -> bool:
    return any(one.start <= stretch.start and stretch.end <= one.end for one in covered)
