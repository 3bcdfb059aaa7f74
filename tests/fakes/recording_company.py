"""A small company whose people record: a programme, its people, and a simulated store that holds nothing yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.fakes.evidence_project import Project

PROGRAMME: dict[str, Any] = {
    "organisation": "Acme, Inc.",
    "timezone": "UTC",
    "observation_period": {"start": "2026-01-01", "end": "2026-06-30"},
    "store": "./evidence-store",
    "scope": {
        # The discard port: nothing is ever asked of it, and a store that begins with it is simulated.
        "github": {
            "organisation": "acme", "api_url": "http://127.0.0.1:9", "repositories": ["acme/api"],
            "production_branches": ["main"],
        },
        "policies": ["access", "change"],
        "products": ["app"],
        "services": ["api"],
    },
    "registers": {
        "people": "registers/people.csv", "vendors": "registers/vendors.yaml", "scope": "registers/scope.csv",
        "identities": "registers/identities.csv",
    },
    "people": {
        "approvers": [{"email": "cto@acme.example", "from": "2020-01-01"}],
        "reviewers": ["lead@acme.example", {"email": "late@acme.example", "from": "2026-05-01"}],
    },
}  # fmt: skip

PEOPLE = """person_id,name,email,kind,office,start,last_day,manager,aliases
p1,Chief,cto@acme.example,employee,london,2020-01-01,,,c.tech@acme.example
p2,Lead,lead@acme.example,employee,london,2020-01-01,,p1,
p3,Dev,dev@acme.example,employee,london,2020-01-01,,p1,
p4,Late,late@acme.example,employee,london,2020-01-01,,p1,
"""

VENDORS = """- {vendor_id: aws, name: AWS, service: hosting, kind: subservice, tier: critical, owner: cto@acme.example}
- {vendor_id: mail, name: Mail Ltd, service: mail, kind: vendor, tier: low, owner: cto@acme.example}
"""

REPOSITORY = "github:unresolved:acme/api"
ORGANISATION = "org:acme-inc"


def recording_company(folder: Path, born: str, parts: Mapping[str, Any] | None = None) -> Project:
    """The company in a folder, its programme (PROGRAMME with other `parts`) recorded at `born`.

    `EVIDENCE_SIGNING_KEY_FILE` must name a file outside the store.
    """
    (folder / "registers").mkdir(parents=True, exist_ok=True)
    (folder / "program.yaml").write_text(yaml.safe_dump({**PROGRAMME, **(parts or {})}, sort_keys=False))
    (folder / "registers" / "people.csv").write_text(PEOPLE)
    (folder / "registers" / "vendors.yaml").write_text(VENDORS)
    (folder / "registers" / "scope.csv").write_text("item_id,decision,from,to,reason,decided_by\n")
    (folder / "registers" / "identities.csv").write_text(
        "person_id,system,account_id,from,to\np1,github,chief-hub,,\np2,github,lead-hub,,\n"
    )
    project = Project(folder, now=born)
    done = project.run("programme", "record")
    assert done.code == 0, done.err
    return project


def write_records(folder: Path, name: str, records: Any) -> Path:
    """A file of records, as YAML."""
    path = folder / name
    path.write_text(yaml.safe_dump(records, sort_keys=False, allow_unicode=True))
    return path


def minutes(held_at: str = "2026-03-28T10:00:00Z", window: str = "2026-Q1", **values: Any) -> dict[str, Any]:
    """Minutes that are in order."""
    return {
        "window": window,
        "values": {
            "held_at": held_at,
            "attendees": [
                {"person": "cto@acme.example", "role": "CTO", "oversight": False},
                {"person": "lead@acme.example", "role": "adviser", "oversight": True},
            ],
            "approved_by": "cto@acme.example",
            "approved_at": held_at,
            **values,
        },
    }


def penetration_test(reported_at: str, **values: Any) -> dict[str, Any]:
    """A penetration test that is in order."""
    day = reported_at[:10]
    return {
        "signed_by": "cto@acme.example",
        "scope_item": "product:app",
        "values": {
            "tester": "Example Security Ltd", "scope": ["app"], "tested_from": day, "tested_to": day,
            "reported_at": reported_at, "report_sha256": "sha256:" + "a" * 64, **values,
        },
    }  # fmt: skip


def changed(given: Mapping[str, Any], **about: Any) -> dict[str, Any]:
    """A record with other keys beside its values."""
    return {**given, **about}
