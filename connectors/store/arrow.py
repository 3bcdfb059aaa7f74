"""Arrow as this product uses it: its compute functions, and no pandas in the process that collects.

Arrow imports pandas at its first conversion from Python objects, only to recognise pandas' own types among them. None
are ever passed here, and that import costs 50 MB and half a second in each collecting process. Whoever wants pandas
imports it himself; `to_pandas` works as ever.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute


class _NoPandas(MetaPathFinder):
    """Says that there is no pandas, for the length of one conversion."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ImportError("not looked for in a collecting process")
        return None


def _convert_once_without_pandas() -> None:
    """Arrow remembers for the life of the process whether it found pandas at its first conversion."""
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([""])
    finally:
        sys.meta_path.remove(finder)


_convert_once_without_pandas()

compute: Any = pyarrow.compute
"""Made on import, so no type checker knows its functions: untyped here, once."""
