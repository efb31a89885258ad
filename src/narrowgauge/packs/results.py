"""The files of an item: where a pack lays them down, and how they become the outputs of the item's own job."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.layout import Layout
from narrowgauge.packs.plan import Plan
from narrowgauge.packs.record import read_record


def files_of(layout: Layout, stage: str, item: str) -> list[Path]:
    """The results of an item."""
    arch, *rest = item.split("/")
    match stage:
        case "train":
            return [layout.weights(arch), layout.training(arch)]
        case "sweep":
            return [layout.formats(arch)]
        case "export":
            return [layout.export(arch, *rest), layout.onnx(arch, *rest)]
        case "benchmark":
            return [layout.measurements(arch, *rest)]
    raise ValueError(f"{stage} has no packs")


def sources_of(stage: str, item: str) -> Iterator[tuple[str, str]]:
    """The items that an item is made of, each behind its stage."""
    arch, *rest = item.split("/")
    match stage:
        case "sweep":
            yield "train", arch
        case "export":
            yield "train", arch
            if rest == ["best"]:
                yield "sweep", arch
        case "benchmark":
            yield "export", f"{arch}/{rest[0]}"


def pack_sources(layout: Layout, plans: Mapping[str, Plan], stage: str, pack: str) -> list[Path]:
    """What a pack waits for, data aside: of each source of its items the records of its packs, or its results.

    A source that is made alone has a record too, if it failed in a pack before; what the pack makes of it waits for the
    results.
    """
    plan, found = plans[stage], dict[Path, None]()
    for item in plan.packs.get(pack, ()):
        for source, name in sources_of(stage, item):
            records = [layout.pack_record(source, number) for number in plans[source].packs_with(name)]
            if plan.pack_of(item) == pack and plans[source].pack_of(name) is None:
                records = []
            found |= dict.fromkeys(records or files_of(layout, source, name))
    return list(found)


def failed_source(layout: Layout, plans: Mapping[str, Plan], stage: str, item: str) -> str | None:
    """What an item can not be made of, because it failed in its pack; None if there is nothing of the kind."""
    for source, name in sources_of(stage, item):
        pack = plans[source].pack_of(name)
        record = read_record(layout.pack_record(source, pack)) if pack else None
        if record and name in record.failed:
            return f"{source} {name} failed in pack {pack}"
    return None


def backdate(record: Path, results: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Give a record a time between those of its inputs and its results.

    A record is written last and yet is what results are taken from: by its own time it would make them outdated.
    """
    oldest = min((path.stat().st_mtime_ns for path in results), default=None)
    if oldest is not None:
        newest = max((path.stat().st_mtime_ns for path in inputs if path.exists()), default=0)
        moment = max(oldest, newest)
        os.utime(record, ns=(moment, moment))


def arch_of(item: str) -> str:
    """The architecture of an item."""
    return item.split("/")[0]


def device_in(item: str) -> str:
    """The device of an item of benchmark."""
    return item.split("/")[2]


def log_of(layout: Layout, stage: str, item: str) -> Path:
    """The log of an item."""
    return layout.log(stage, item.replace("/", "."))


class LatestLayout(Layout):
    """A layout that knows results of packs before they are outputs: what an item of the next stage is made of."""

    def weights(self, arch: str) -> Path:
        """Trained parameters and buffers."""
        return self._latest(super().weights(arch))

    def formats(self, arch: str) -> Path:
        """Accuracy and bytes per number format."""
        return self._latest(super().formats(arch))

    def export(self, arch: str, fmt: str) -> Path:
        """What was exported."""
        return self._latest(super().export(arch, fmt))

    def onnx(self, arch: str, fmt: str) -> Path:
        """The file that the device loads."""
        return self._latest(super().onnx(arch, fmt))

    def _latest(self, path: Path) -> Path:
        prepared = self.prepared.root / path.relative_to(self.root)
        # Of the same age they are the same file, and a job may be taking the other one away to put it back.
        return prepared if _modified(prepared) >= max(_modified(path), 0) else path


def offer(layout: Layout, stage: str, item: str) -> None:
    """Put results of an earlier run where a pack looks for them: those that are still right are not made again."""
    for final, prepared in _pairs(layout, stage, item):
        if final.exists() and not prepared.exists():
            _link(final, prepared)


def collect(layout: Layout, stage: str, item: str, pack: str) -> None:
    """Make the results that a pack laid down the outputs of the item.

    Raises:
        NarrowgaugeError: the item failed in the pack, or its results are gone.
    """
    log = log_of(layout.prepared, stage, item)
    if log.exists():
        print(log.read_text(encoding="utf-8", errors="replace"), end="")
        log.unlink()
    record = read_record(layout.pack_record(stage, pack))
    if record and item in record.failed:
        raise NarrowgaugeError(f"{item} failed in pack {pack} of {stage}: {record.failed[item]}")
    for final, prepared in _pairs(layout, stage, item):
        if not prepared.exists():
            raise NarrowgaugeError(
                f"what pack {pack} of {stage} made of {item} is gone ({prepared}): run the same command again"
            )
        _link(prepared, final)
    print(f"{item}: done in pack {pack} of {stage}")


def withdraw(layout: Layout, stage: str, item: str) -> None:
    """Remove what a pack was offered or laid down of an item that failed in it: it is outdated, or not whole."""
    for path in files_of(layout.prepared, stage, item):
        path.unlink(missing_ok=True)


def tidy(layout: Layout) -> None:
    """Remove what packs laid down and is an output by now."""
    root = layout.prepared.root
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            prepared = Path(folder, name)
            if _same(prepared, layout.root / prepared.relative_to(root)):
                prepared.unlink(missing_ok=True)
        if not os.listdir(folder):  # noqa: PTH208
            Path(folder).rmdir()


def _pairs(layout: Layout, stage: str, item: str) -> Iterator[tuple[Path, Path]]:
    return zip(files_of(layout, stage, item), files_of(layout.prepared, stage, item), strict=True)


def _link(source: Path, target: Path) -> None:
    """A second name for a file; a copy where the file system knows no such thing. In one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    temporary.unlink(missing_ok=True)
    try:
        temporary.hardlink_to(source)
    except OSError:
        shutil.copy2(source, temporary)
    temporary.replace(target)


def _modified(path: Path) -> int:
    """Time of the last change in nanoseconds; -1 if there is no such file."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return -1


def _same(first: Path, second: Path) -> bool:
    try:
        one, other = first.stat(), second.stat()
    except FileNotFoundError:
        return False
    # A copy keeps size and time.
    return os.path.samestat(one, other) or (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
