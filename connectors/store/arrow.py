"""Arrow's compute functions. They are made on import, so no type checker knows them: untyped here, once."""

from __future__ import annotations

from typing import Any

import pyarrow.compute

compute: Any = pyarrow.compute
