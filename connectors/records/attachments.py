"""Files that go with a record: kept by digest, of a few types that people can open for years, looked at before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from connectors.written_secrets import secret_lines
from evidence.ledger import digest

LARGEST = 25 * 2**20
"""Bytes of one attachment."""

_ZIP = b"PK\x03\x04"
_TYPES: dict[str, tuple[str, tuple[bytes, ...]]] = {
    ".pdf": ("application/pdf", (b"%PDF-",)),
    ".png": ("image/png", (b"\x89PNG\r\n\x1a\n",)),
    ".jpg": ("image/jpeg", (b"\xff\xd8\xff",)),
    ".jpeg": ("image/jpeg", (b"\xff\xd8\xff",)),
    ".docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", (_ZIP,)),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", (_ZIP,)),
    ".pptx": ("application/vnd.openxmlformats-officedocument.presentationml.presentation", (_ZIP,)),
    ".odt": ("application/vnd.oasis.opendocument.text", (_ZIP,)),
    ".txt": ("text/plain", ()),
    ".log": ("text/plain", ()),
    ".md": ("text/markdown", ()),
    ".csv": ("text/csv", ()),
    ".json": ("application/json", ()),
    ".yaml": ("application/yaml", ()),
    ".eml": ("message/rfc822", ()),
}
"""By suffix: media type, and how such a file begins; none: it is UTF-8 text. Nothing that runs when it is opened."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that was found good to be kept."""

    name: str
    path: Path
    digest: str
    bytes: int
    media_type: str
    content: bytes

    @property
    def suffix(self) -> str:
        """What its object is called."""
        return self.path.suffix.lower()


def read_attachment(name: str, folder: Path, *, anywhere: bool) -> Attachment:
    """The file of that name beside a record file. ValueError says why it can't be kept.

    `anywhere`: whoever runs the command named it, and may name any file. A name inside a record file must not lead
    out of the file's folder: it may have been written by somebody else.
    """
    path = Path(name) if anywhere else folder / name
    try:
        real = path.resolve(strict=True)
        if not anywhere and not real.is_relative_to(folder.resolve()):
            raise ValueError(f"the attachment {name!r} lies outside the folder of the record. Copy it there, or name "
                             "it with --attach")  # fmt: skip
        if not real.is_file():
            raise ValueError(f"the attachment {name!r} is no file")
        size = real.stat().st_size
        if size > LARGEST:
            raise ValueError(f"the attachment {name!r} has {size / 2**20:.0f} MiB, more than {LARGEST // 2**20}. "
                             "Attach the part that is evidence")  # fmt: skip
        content = real.read_bytes()
    except OSError as error:
        raise ValueError(f"the attachment {name!r} can't be read: {error.strerror}. Put it beside the record, or name "
                         "it with --attach") from error  # fmt: skip
    except RuntimeError as error:  # a loop of links
        raise ValueError(f"the attachment {name!r} can't be read: it is a link to itself") from error
    if not path.name.isprintable() or len(path.name) > 200:
        raise ValueError(f"the attachment {name[:60]!r} has a name that can't be shown. Rename it")
    known = _TYPES.get(path.suffix.lower())
    if known is None:
        raise ValueError(f"the attachment {name!r} is of a type that is not kept. Make it one of "
                         f"{' '.join(sorted(_TYPES))}")  # fmt: skip
    _check_content(name, content, known[1])
    return Attachment(path.name, path, digest(content), len(content), known[0], content)


def _check_content(name: str, content: bytes, begins: Iterable[bytes]) -> None:
    if not content:
        raise ValueError(f"the attachment {name!r} is empty. Attach the file that holds something")
    begins = tuple(begins)
    if begins:
        if not content.startswith(begins):
            raise ValueError(f"the attachment {name!r} is not what its name says: such a file begins otherwise. "
                             "Export it again")  # fmt: skip
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"the attachment {name!r} is no UTF-8 text, as its name says. Save it as UTF-8") from error
    if "\x00" in text:
        raise ValueError(f"the attachment {name!r} is no text, as its name says: it holds a zero byte")
    for line, secret in secret_lines(content):
        raise ValueError(f"the attachment {name!r} holds {secret} on line {line}. Remove it, and revoke the secret")
