"""The published release as data, and the tables of the paper: ``import-published`` and ``paper``."""

import argparse
from pathlib import Path

from narrowgauge.artefacts.code_version import code_version
from narrowgauge.layout import Layout

_DEFAULT = Path("results/published")


def _import(options: argparse.Namespace) -> None:
    from narrowgauge.config.limits import Limits
    from narrowgauge.config.sweep import BestRule
    from narrowgauge.stages import figures, import_published

    layout = Layout(options.output)
    counts = import_published.run(
        folder=options.folder, layout=layout, code_version=code_version("narrowgauge.stages.import_published")
    )
    figures.run(layout=layout, limits=Limits(), rule=BestRule())
    print(f"{layout.root}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


def _paper(options: argparse.Namespace) -> None:
    from narrowgauge.published.release import accuracies, devices_in
    from narrowgauge.stages import paper

    layout = Layout(options.folder)
    published = accuracies(options.release) if options.release else None
    if not layout.summary.exists() and devices_in(options.folder):
        layout = Layout(options.output)
        _import(options)
    page, *others = paper.run(layout=layout, published=published)
    print(f"{page}, with {len(others)} tables and figures beside it")


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands to the parser."""
    release = commands.add_parser("import-published", help="make artefacts of the published release (IBM/iotnets)")
    release.add_argument("folder", type=Path, help="the release, or a folder with its JSON files, all or in part")
    release.set_defaults(command=_import)

    paper = commands.add_parser("paper", help="the tables and figures of the paper, from any results")
    paper.add_argument("folder", type=Path, help="results of an experiment; the release itself is imported first")
    paper.add_argument(
        "--release", type=Path, help="the published release, whose accuracies then stand beside those of the results"
    )
    paper.set_defaults(command=_paper)
    for parser in (release, paper):
        parser.add_argument(
            "-o", "--output", type=Path, default=_DEFAULT, help=f"folder of the imported artefacts (default {_DEFAULT})"
        )
