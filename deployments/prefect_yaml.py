"""`deployments/prefect.yaml`, generated from the plan: `python -m deployments.prefect_yaml` writes it anew.

The file is for `prefect --no-prompt deploy --all --prefect-file deployments/prefect.yaml`. The programme's path and
zone come from `EVIDENCE_PROGRAM` and `EVIDENCE_TIMEZONE` when that command runs.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from ruamel.yaml import YAML

from deployments.plan import WORK_POOL, DeploymentSpec, deployment_specs

PATH = Path(__file__).with_name("prefect.yaml")

_HEADER = """\
# Generated from the catalogue by `python -m deployments.prefect_yaml`; a test keeps it from drifting. To deploy:
#
#   prefect work-pool create evidence --type process
#   EVIDENCE_PROGRAM=/etc/evidence/program.yaml EVIDENCE_TIMEZONE=Europe/London \\
#     prefect --no-prompt deploy --all --prefect-file deployments/prefect.yaml
#
# EVIDENCE_PROGRAM is an absolute path on the worker's machine, on which this project is installed; no code is pulled.
"""


def render(specs: Iterable[DeploymentSpec]) -> str:
    """The whole file as text."""
    document = {
        "name": "soc2-evidence-pipeline",
        "prefect-version": version("prefect"),
        "build": None,
        "push": None,
        "pull": None,
        "deployments": [
            {
                "name": spec.name,
                "description": spec.description,
                "tags": list(spec.tags),
                "entrypoint": spec.entrypoint,
                "parameters": {"program": "{{ $EVIDENCE_PROGRAM }}", **spec.parameters},
                "work_pool": {"name": WORK_POOL, "job_variables": {}},
                "schedules": [
                    {"cron": spec.cron, "timezone": "{{ $EVIDENCE_TIMEZONE }}", "active": True, "slug": spec.slug}
                ],
                # A run that is late must wait for its predecessor, never be dropped: dropped is silently missing.
                "concurrency_limit": {"limit": 1, "collision_strategy": "ENQUEUE"},
            }
            for spec in specs
        ],
    }
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(document, text)
    return _HEADER + text.getvalue()


if __name__ == "__main__":
    from evidence.controls.catalogue import CATALOGUE

    PATH.write_text(render(deployment_specs(CATALOGUE)), encoding="utf-8")
