"""Which failures Prefect may try again."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from schemas.errors import RetriableError


def passes_by_itself(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """A condition for `retry_condition_fn`: a source that was down passes by itself, a missing permission does not."""
    try:
        state.result()
    except RetriableError:
        return True
    except BaseException:  # noqa: BLE001 - asked only whether to retry; the error itself stays in the state
        return False
    return False
