"""The GitHub side of a simulated company: `github.yaml` in its folder."""

from __future__ import annotations

from pathlib import Path

from sandbox.github.model import Organisation
from sandbox.github.world import World
from schemas.errors import ConfigurationError


def build_github(world: World, folder: Path) -> Organisation | None:
    """Add a company's organisation to the world; None for a company without GitHub."""
    del world
    if (folder / "github.yaml").is_file():
        raise ConfigurationError(f"{folder.name}/github.yaml cannot be read by this version of the sandbox")
    return None
