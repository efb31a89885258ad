"""Parse the command line, run one command, turn errors into messages and exit codes."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from narrowgauge.cli import device, inspection, latency, laws, packing, packs, published, stages
from narrowgauge.errors import NarrowgaugeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 a bug or a machine's failure, 2 the user can put it right."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
        # Now, while a reader that has left can still be recognised.
        sys.stdout.flush()
    except NarrowgaugeError as error:
        return _fail(str(error))
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; keep the interpreter from complaining when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _fail(f"no space left for {error.filename or 'a file'}: free some and run the same command again")
        raise
    except KeyboardInterrupt:
        return 130
    return 0


def _fail(message: str) -> int:
    print(f"narrowgauge: error: {message}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="narrowgauge",
        description="Find the best small neural network for a device. "
        "`snakemake --cores all` runs all stages; each command here runs one, or answers a question.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    stages.add_commands(commands)
    inspection.add_commands(commands)
    packing.add_commands(commands)
    latency.add_commands(commands)
    laws.add_commands(commands)
    published.add_commands(commands)
    packs.add_commands(commands)
    device.add_commands(commands)
    return parser
