"""What is wrong with a file of records, each with its line and the fix."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.programme_problems import Problem
from schemas.errors import ConfigurationError


class InvalidRecords(ConfigurationError):
    """A file of records can't be used; `problems` lists all that is wrong, and nothing of it was recorded."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(set(problems))
        count = len(self.problems)
        shown = [str(problem) for problem in self.problems[:_MOST]]
        if count > _MOST:
            shown.append(f"and {count - _MOST} more")
        heading = f"{count} thing{'s' if count > 1 else ''} to correct; nothing was recorded:"
        super().__init__("\n".join([heading, *(f"  {line}" for line in shown)]))


_MOST = 100
