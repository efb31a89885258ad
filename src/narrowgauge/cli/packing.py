"""Weights in their true size: ``narrowgauge pack`` and ``narrowgauge unpack``."""

import argparse
from pathlib import Path

from narrowgauge.artefacts.code_version import code_version


def _pack(options: argparse.Namespace) -> None:
    from narrowgauge.stages.pack import pack_artefact

    pack_artefact(options.weights, options.format, options.output)
    print(f"{options.output}: {options.output.stat().st_size:,} bytes")


def _unpack(options: argparse.Namespace) -> None:
    from narrowgauge.stages.pack import unpack_artefact

    unpack_artefact(options.packed, options.output, options.like, code_version("narrowgauge.stages.pack"))
    print(options.output)


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands to the parser."""
    pack = commands.add_parser("pack", help="store weights with as many bits as their number format has")
    pack.add_argument("weights", type=Path, help="a weights artefact")
    pack.add_argument("format", help="number format, e.g. e5m10")
    pack.add_argument("-o", "--output", type=Path, required=True, help="the packed file (docs/packed-format.md)")
    pack.set_defaults(command=_pack)

    unpack = commands.add_parser("unpack", help="make a weights artefact of a packed file")
    unpack.add_argument("packed", type=Path, help="a packed file")
    unpack.add_argument("-o", "--output", type=Path, required=True, help="the weights artefact")
    unpack.add_argument("--like", type=Path, help="the artefact that was packed: the result names its network too")
    unpack.set_defaults(command=_unpack)
