"""Commands about the store itself: verifying it, closing its months, sending its head outside."""

from __future__ import annotations

import cyclopts

from cli.options import DEFAULT_OPTIONS, Options
from cli.output import print_json, printable, say

store_app = cyclopts.App(name="store", help="The evidence store: closing months, its head.")

key_app = cyclopts.App(name="key", help="The keys that collectors sign the ledger with.")


def add_commands(app: cyclopts.App) -> None:
    """Add this module's commands."""
    app.command(verify)
    app.command(store_app)
    app.command(key_app)


def verify(
    location: str | None = None,
    /,
    *,
    expect_head: str | None = None,
    deep: bool = False,
    options: Options = DEFAULT_OPTIONS,
) -> int:
    """Check every digest, signature and link of the chain, offline; exit code 1 and a list on any difference.

    Parameters
    ----------
    location
        The store; without it the one of the programme.
    expect_head
        A head that was sent outside (sha256:…). It must be part of the chain, or the ledger was cut or rewritten.
    deep
        Recompute the canonical digest of all rows too; slower.
    """
    from connectors.store.verify import verify_store

    if location is None:
        from connectors.workspace import load, store_location

        location = store_location(load(options.program))
    report = verify_store(location, expect_head=expect_head, deep=deep)
    if options.json:
        print_json(report.to_json())
    else:
        print(
            f"{'fine' if report.ok else 'NOT FINE'}: {report.entries} ledger entries, {report.objects} objects, "
            f"{report.bytes / 1e6:.1f} MB"
        )
        for problem in report.problems:
            print(printable(f"  {problem['path']}: {problem['problem']}"))
        for orphan in report.orphans:
            print(printable(f"  not in the ledger (left by a crash, proves nothing): {orphan}"))
        if report.unanchored_days:
            print(f"  the last {report.unanchored_days} days could have been rewritten: no head was sent outside since")
    return 0 if report.ok else 1


@store_app.command(name="close-month")
def close_month(month: str, /, *, options: Options = DEFAULT_OPTIONS) -> None:
    """Write the entries of a month that is over once more as one file, and seal it.

    Parameters
    ----------
    month
        Such as 2026-06. Months are closed in order.
    """
    from connectors.store.closing import close_month as close
    from connectors.workspace import open_workspace

    workspace = open_workspace(options.program, now=options.clock())
    entry = close(workspace.store, month)
    if options.json:
        print_json(entry["body"])
    else:
        say(f"closed {month}: entries {entry['body']['first_seq']} to {entry['body']['last_seq']}")


@store_app.command(name="head")
def head(*, options: Options = DEFAULT_OPTIONS) -> None:
    """Print the digest of the last ledger entry, to be kept where the operator can't change it."""
    from connectors.workspace import open_workspace

    found = open_workspace(options.program, now=options.clock(), read_only=True).store.head()
    if options.json:
        print_json({"seq": found.seq, "digest": found.digest, "recorded_at": found.recorded_at.isoformat()})
    else:
        print(found.digest)


@key_app.command(name="list")
def list_keys(*, options: Options = DEFAULT_OPTIONS) -> None:
    """List the keys that the ledger knows, and whether each is in force."""
    from connectors.workspace import open_workspace

    keys = open_workspace(options.program, now=options.clock(), read_only=True).store.keys()
    found = [
        {"key_id": key_id, "public_key": public_key, "in_force": keys.is_in_force(key_id)}
        for key_id, public_key in sorted(keys.public_keys().items())
    ]
    if options.json:
        print_json({"keys": found})
        return
    for key in found:
        print(f"{key['key_id']}  {'in force' if key['in_force'] else 'ended   '}  {key['public_key']}")


@key_app.command
def enrol(public_key: str, /, *, reason: str, options: Options = DEFAULT_OPTIONS) -> None:
    """Let a second collector write to this store; run it where a key in force is.

    Parameters
    ----------
    public_key
        The other collector's public key in base64; `evidence key show` prints it there.
    reason
        Why; it is read by the auditor.
    """
    from connectors.workspace import open_workspace

    entry = open_workspace(options.program, now=options.clock()).store.enrol_key(public_key, reason=reason)
    say(f"enrolled {entry['body']['key_id']} as ledger entry {entry['seq']}")


@key_app.command
def rotate(public_key: str, /, *, reason: str, options: Options = DEFAULT_OPTIONS) -> None:
    """Replace this collector's key by a new one: the last entry the present key signs.

    Make the new key first: `EVIDENCE_SIGNING_KEY_FILE=new.pem evidence key show`.

    Parameters
    ----------
    public_key
        The new public key in base64.
    reason
        Why; it is read by the auditor.
    """
    from connectors.workspace import open_workspace

    entry = open_workspace(options.program, now=options.clock()).store.rotate_key(public_key, reason=reason)
    say(f"rotated to {entry['body']['key_id']} as ledger entry {entry['seq']}; point EVIDENCE_SIGNING_KEY_FILE at it")


@key_app.command
def revoke(key_id: str, /, *, reason: str, options: Options = DEFAULT_OPTIONS) -> None:
    """End a key at once, such as one that was lost. What it signed before stays valid.

    Parameters
    ----------
    key_id
        As `evidence key list` shows it.
    reason
        Why; it is read by the auditor.
    """
    from connectors.workspace import open_workspace

    entry = open_workspace(options.program, now=options.clock()).store.revoke_key(key_id, reason=reason)
    say(f"revoked {key_id} as ledger entry {entry['seq']}")


@key_app.command
def show(*, options: Options = DEFAULT_OPTIONS) -> None:
    """Print this collector's public key; the key file is made if there is none yet."""
    import os

    from connectors.store.signer import Signer, signing_key_path

    signer = Signer.load(signing_key_path(os.environ))
    if options.json:
        print_json({"key_id": signer.key_id, "public_key": signer.public_key})
    else:
        print(signer.public_key)
