"""Where the bytes of a store are: the few file operations that everything above is built on.

A backend has to give one promise that carries all the others: `create_if_absent` makes a file with exactly these bytes,
whole and durable, or says that the name is taken; it never changes what is there. On local disk that is a hard link
after fsync, on object storage a conditional put.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from schemas.errors import StoreError

_ENTRY = re.compile(r"[0-9]{8,}\.json\Z")
_CLOSED = re.compile(r"[0-9]{4}-[0-9]{2}\.jsonl\Z")
TEMPORARY = ".tmp-"
"""Beginning of the names of files that are being written. A crash may leave one; nothing ever reads it."""


def entry_path(seq: int) -> str:
    """`ledger/00001234.json`."""
    return f"ledger/{seq:08d}.json"


class StoreFiles(Protocol):
    """The seam between the store and its medium. Paths are relative, with `/`. A missing file is FileNotFoundError."""

    location: str

    def create_if_absent(self, path: str, content: bytes | Path) -> bool:
        """Make a file from bytes or a local file, durable on return. False, and nothing changed, if the name is taken.

        Where several callers race for one name exactly one of them gets True.
        """
        ...

    def read(self, path: str) -> bytes: ...

    def lines(self, path: str) -> Iterator[bytes]:
        """The lines of a file without their newline, streamed."""
        ...

    def exists(self, path: str) -> bool: ...

    def size(self, path: str) -> int: ...

    def stamp(self, path: str) -> str:
        """A text that changes whenever the file does (on local disk its inode, size and times of change)."""
        ...

    def local(self, path: str) -> Path:
        """The file as one on this machine, to be read only."""
        ...

    def list_ledger(self, after: int = 0) -> list[int]:
        """Sequence numbers of the single entries above `after`, ascending."""
        ...

    def list_closed(self) -> list[str]:
        """Paths of the closed months, ascending."""
        ...

    def list_all(self) -> Iterator[str]:
        """Every file there is, for verification alone: readers go by the ledger."""
        ...

    def replace_cache(self, path: str, content: bytes) -> None:
        """Write or replace a file under `index/`, the one place where nothing is kept for good."""
        ...


class LocalFiles:
    """A store in a folder on this machine. Needs a file system with hard links (ext4, xfs, btrfs, APFS, NTFS)."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.location = str(root)

    def create_if_absent(self, path: str, content: bytes | Path) -> bool:
        target = self.root / path
        if target.exists():
            return False
        self._make_folder(target.parent)
        temporary = target.parent / f"{TEMPORARY}{os.getpid()}-{os.urandom(6).hex()}"
        try:
            with open(temporary, "xb") as stream:
                if isinstance(content, bytes):
                    stream.write(content)
                else:
                    with open(content, "rb") as source:
                        shutil.copyfileobj(source, stream, 1 << 20)
                stream.flush()
                os.fchmod(stream.fileno(), 0o444)
                os.fsync(stream.fileno())
            try:
                os.link(temporary, target)  # fails if the name is taken, where a rename would replace
            except FileExistsError:
                return False
            except OSError as error:
                raise StoreError(
                    f"{self.location}: no file can be created once and for all here ({error.strerror}). The store "
                    "needs a local file system with hard links, such as ext4, xfs or APFS."
                ) from error
        except OSError as error:
            raise StoreError(
                f"{self.location}: writing {path} failed ({error.strerror}). Check space and permissions, then run "
                "again; what was half written is never read."
            ) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
        _sync_folder(target.parent)
        return True

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)

    def read(self, path: str) -> bytes:
        # Not through pathlib: reading thousands of entries is bound by the cost of each call.
        descriptor = os.open(f"{self.root}/{path}", os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(descriptor).st_size
            data = os.read(descriptor, size + 1)
            while len(data) < size:  # one read returns at most 2 GB
                more = os.read(descriptor, size - len(data))
                if not more:
                    break
                data += more
            return data
        finally:
            os.close(descriptor)

    def lines(self, path: str) -> Iterator[bytes]:
        with open(self.root / path, "rb", buffering=1 << 20) as stream:
            for line in stream:
                yield line[:-1] if line.endswith(b"\n") else line

    def exists(self, path: str) -> bool:
        return (self.root / path).is_file()

    def size(self, path: str) -> int:
        return (self.root / path).stat().st_size

    def stamp(self, path: str) -> str:
        status = os.stat(f"{self.root}/{path}")
        return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"

    def local(self, path: str) -> Path:
        return self.root / path

    def list_ledger(self, after: int = 0) -> list[int]:
        return sorted(
            number for name in self._names("ledger") if _ENTRY.match(name) and (number := int(name[:-5])) > after
        )

    def list_closed(self) -> list[str]:
        return [f"ledger/closed/{name}" for name in sorted(self._names("ledger/closed")) if _CLOSED.match(name)]

    def _names(self, folder: str) -> list[str]:
        try:
            return os.listdir(self.root / folder)
        except FileNotFoundError:
            return []

    def list_all(self) -> Iterator[str]:
        for folder, folders, names in os.walk(self.root):
            folders.sort()
            relative = Path(folder).relative_to(self.root)
            for name in sorted(names):
                yield (relative / name).as_posix()

    def replace_cache(self, path: str, content: bytes) -> None:
        if not path.startswith("index/"):
            raise ValueError(f"{path} is no cache: only files under index/ may be replaced")
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f"{TEMPORARY}{os.getpid()}-{os.urandom(6).hex()}"
        temporary.write_bytes(content)
        temporary.replace(target)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows has no such thing and needs none."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        if os.name == "nt":
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
