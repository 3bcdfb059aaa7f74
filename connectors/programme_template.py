"""What `evidence init` writes: a commented programme file that loads as it is, and empty registers beside it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from schemas.errors import ConfigurationError
from schemas.registers import REGISTERS, Register

_TEMPLATE = """\
# What this company promises to be judged by. Keep it and the registers in version control, under review.
# What counts is the version recorded in the evidence store: after a change run `evidence programme record`. Removing
# scope or loosening a rule takes effect from that moment on and stays listed; adding scope takes effect at once.
# Secrets never stand here: only the NAMES of environment variables (…_env) or Prefect Secret blocks (…_block).

organisation: Example, Inc.
timezone: UTC                     # IANA name; windows are local calendar months and quarters
observation_period: {{start: {start}, end: {end}}}   # both days belong to it
categories: [security]            # add availability, confidentiality
store: ./evidence-store           # a folder, or s3://bucket/prefix

# The systems in scope. Take the comment signs away and put your own names in; what is not named here makes no cells
# and is listed as not configured.
scope:
  # github:
  #   organisation: example
  #   repositories: {{topic: production}}      # or a list: [api, web]
  #   production_branches: [main]
  #   plan: team                             # free, team, enterprise_cloud, enterprise_server: what GitHub remembers
  # aws:
  #   accounts: [{{id: "111122223333", role: "arn:aws:iam::111122223333:role/evidence-reader"}}]   # ids in quotes
  #   regions: [eu-west-1]
  #   cloudtrail: s3://example-trail/AWSLogs/   # leave out to read the 90 days of event history
  # google: {{customer: C01abcd, domain: example.com, delegate: auditor@example.com}}
  # gcp: {{projects: [example-prod]}}
  products: []                    # names of the products in the system description
  policies: []                    # names of the policies that must be in force

# Lists that people keep (`evidence schema NAME` prints the columns of each), and where tickets of each kind are.
registers:
{registers}
  # incidents: {{github_issues: {{repository: example/ops, label: incident}}}}   # or a file: registers/incidents.yaml
  # access_requests: {{jira: {{url: "https://example.atlassian.net", project: ACC, label: access}}}}
  # alert_triage: {{pagerduty: {{services: [PABC123]}}}}   # api_url: https://api.eu.pagerduty.com in Europe
  # security_inbox: {{github_issues: {{repository: example/security, label: inbox}}}}
  # deletions: {{github_issues: {{repository: example/ops, label: deletion}}}}
  # changes: {{github_issues: {{repository: example/ops, label: change}}}}

# Endpoints other than the vendors' own (GitHub Enterprise Server, a gateway); shown on every page and report.
endpoints: {{declared: []}}         # - {{url: https://github.example.com/api/v3, reason: our own server}}

# Parameters of the tests of controls; left out, each has the usual value.
evidence_rules:
  tickets_required: true          # every change refers to a ticket
  max_administrators: 4           # in one organisation or account
  key_max_age_days: 90
  key_unused_days: 90
  # post_deployment_check: smoke-test
  # pipeline_identities: [deploy-bot]
  # device_os_minimum: {{macos: "14.5", windows: "10.0.22631"}}
  # production_environments: [production]

people:
  approvers: []                   # - {{email: cto@example.com, key: "ed25519:…", from: {start}}}
  reviewers: []                   # - lead@example.com: who may sign reviews and records; at least two. With a key
                                  # (`evidence record key`), {{email: …, key: …}}, it is known that they signed
  owners: {{}}                      # CC6-UAR-01: lead@example.com
  # on_call: security@example.com

# Whose public holidays are no business days, by the office that the people register names: a country, or a country and
# its subdivision. `default` holds for whoever has no office of these. Left out: Monday to Friday, holidays or not.
offices: {{}}                       # berlin: {{calendar: DE-BE, timezone: Europe/Berlin}}

# Where the company promises something else than the catalogue.
controls: {{}}                      # CC6-DEPR-01: {{deadline_business_days: 1}}

alerts: []                        # - slack: {{webhook_env: SLACK_WEBHOOK}}
anchors: []                       # - webhook: {{url: https://…}}   the ledger's head, out of the operator's reach
"""


def write_template(folder: Path, *, start: date | None = None) -> list[Path]:
    """Write `program.yaml` and the registers into a folder; the paths written, in order.

    `start` is the first day of the observation period (a six-month one), else 1 January 2026. ConfigurationError where
    one of the files is already there: nothing is written then.
    """
    files = {folder / "program.yaml": _programme(start or date(2026, 1, 1))}
    files |= {folder / register.file: empty_register(register) for register in _offered()}
    existing = [path for path in files if path.exists()]
    if existing:
        names = ", ".join(path.relative_to(folder).as_posix() for path in existing)
        raise ConfigurationError(f"{names} exist(s) already in {folder}. Choose another folder; nothing was written.")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return list(files)


def empty_register(register: Register) -> str:
    """The text of a register without rows: the header of a CSV, the keys of a YAML entry as comments."""
    if register.format == "csv":
        return ",".join(column.name for column in register.columns if column.header) + "\n"
    lines = [f"# {register.meaning}"]
    for index, column in enumerate(register.columns):
        choices = f" ({', '.join(column.choices)})" if column.choices else ""
        optional = "" if column.required else " (may be left out)"
        lines.append(f"# {'- ' if index == 0 else '  '}{column.name}: …   # {column.meaning}{choices}{optional}")
    return "\n".join(lines) + "\n"


def _offered() -> list[Register]:
    return [register for register in REGISTERS.values() if register.offered]


def _programme(start: date) -> str:
    later = date(start.year + (start.month + 5) // 12, (start.month + 5) % 12 + 1, min(start.day, 28))
    width = max(len(register.name) for register in _offered())
    registers = "\n".join(
        f"  {register.name + ':':{width + 1}} {register.file:32}# {register.meaning}" for register in _offered()
    )
    return _TEMPLATE.format(start=start.isoformat(), end=(later - timedelta(days=1)).isoformat(), registers=registers)
