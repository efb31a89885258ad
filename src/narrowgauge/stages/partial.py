"""Summary, tables and figures of an experiment that is not finished, and what is missing there."""

import csv
import io

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas import summary
from narrowgauge.config.model import Experiment
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.layout import Layout
from narrowgauge.stages import aggregate, figures
from narrowgauge.status.overview import Missing, overview

_LISTED = 20


def run(*, experiment: Experiment, layout: Layout, code_version: str) -> None:
    """Write what ``aggregate`` and ``figures`` write, from what is there, below the folder ``partial``.

    ``tables/missing.csv`` there has a row for each result that is not there yet.

    Args:
        experiment: the config.
        layout: the experiment's files.
        code_version: of this stage.

    Raises:
        NarrowgaugeError: no model has gone all the way yet.
    """
    if not layout.selected.exists():
        raise NarrowgaugeError(f"{layout.selected} is missing: nobody is selected yet, so there is nothing to show")
    target = layout.partial
    status = overview(experiment, layout)
    missing = [job for job in status.missing if job.stage not in ("aggregate", "figures")]
    write_bytes(target.table("missing.csv"), _csv(missing).encode())
    aggregate.run(
        layout=layout,
        target=target,
        experiment=experiment.experiment,
        format_names=experiment.format_names,
        devices=[device.name for device in experiment.devices],
        calibrated={
            device: experiment.device_named(device).runtime[0]
            for device in experiment.calibrated_devices
            if layout.predicted(device).exists()
        },
        code_version=code_version,
        partial=True,
    )
    measured = read(target.summary, summary.SCHEMA).table.num_rows
    if not measured:
        raise NarrowgaugeError("no model is measured on a device yet: there is nothing to draw")
    figures.run(layout=target, limits=experiment.limits, rule=experiment.sweep.best)
    print(f"{measured} rows in {target.table('summary.md')}; {len(missing)} results are missing:")
    for job in missing[:_LISTED]:
        print(f"  {job.stage:10}{job.item:40}{job.state}")
    if len(missing) > _LISTED:
        print(f"  and {len(missing) - _LISTED} more")
    print(f"All of them, and why: {target.table('missing.csv')}")


def _csv(missing: list[Missing]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["stage", "model", "state", "reason"])
    writer.writerows([job.stage, job.item, job.state, job.reason or ""] for job in missing)
    return stream.getvalue()
