"""The `evidence` command. Each group of commands is a module here; heavy libraries are imported inside commands."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version

import cyclopts

from cli import collecting, declaring, doctor, judging, receiving, recording, reviewing, simulating, storing
from cli.output import say
from schemas.errors import EvidenceError

app = cyclopts.App(
    name="evidence",
    help=(
        "Collects, tests and proves SOC 2 Type II evidence over a whole observation period.\n\n"
        "Start with `evidence demo` (a simulated company) or `evidence init` (your own).\n"
        "Exit codes: 0 fine; 1 what --fail-on names is there, or a verification failed; 2 wrong use or configuration; "
        "3 a source failed."
    ),
    version=lambda: version("soc2-evidence-pipeline"),
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # `run` says what an interrupted command leaves behind
)

for module in (declaring, doctor, collecting, receiving, recording, reviewing, judging, storing, simulating):
    module.add_commands(app)


def main() -> None:
    """Entry point: runs a command and turns errors made on purpose into one line and an exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and give its exit code."""
    try:
        result = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except cyclopts.CycloptsError as error:
        say(f"error: {error}\nTry `evidence --help`.")
        return 2
    except EvidenceError as error:
        say(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted; what was stored stays, and the next run goes on from there")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; so do we, quietly
        return 0
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()
