"""Entries of ``devices``: machines that run exported networks."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from narrowgauge.config.base import LocalPath, Section, one_or_many
from narrowgauge.config.byte_size import Bytes

Threads = Annotated[int, Field(ge=1, le=1024, strict=True)]
Cpu = Annotated[int, Field(ge=0, lt=1024, strict=True)]
Runtime = Literal["onnxruntime", "torch", "ncnn"]

LOCAL = "local"

DeviceName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        max_length=60,
        json_schema_extra={"allowed": "small letters, digits, - and _, up to 60, a letter or digit first"},
    ),
]
# What ssh would take for an option, or a shell for more than a word, is no host.
Host = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.@:%\[\]][A-Za-z0-9_.@:%\[\]-]*$",
        max_length=255,
        json_schema_extra={"allowed": "an alias of the SSH configuration, or an address such as pi@192.168.1.7"},
    ),
]
RemotePath = Annotated[
    str,
    Field(
        pattern=r"^[^\s\x00-\x1f][^\x00-\x1f]*$",
        max_length=1000,
        json_schema_extra={"allowed": "a path on the device, in one line"},
    ),
]


class DeviceSettings(Section):
    """A machine that runs exported networks; a name alone, `pi3`, stands for `{name: pi3, host: pi3}`."""

    name: DeviceName = LOCAL
    """Its name in results and on the command line; `local` is the machine that the workflow runs on."""

    host: Host | None = None
    """Where it is reached over SSH: an alias of `~/.ssh/config`, or an address such as `pi@192.168.1.7`. The user's
    SSH configuration holds: port, key, jump host. For every device but `local`."""

    ssh_config: LocalPath | None = None
    """An SSH client configuration to read in place of the user's own."""

    folder: RemotePath = "narrowgauge"
    """Working folder on the device; one that is not absolute is in the home folder there."""

    lock: RemotePath | None = None
    """File on the device whose lock every measurement and preparation holds; `lock` in `folder` if not given. Users who
    share a board name the same file, which all of them can read."""

    python: RemotePath | None = None
    """Python on the device, 3.8 or newer, with numpy and the runtime; `~/` is the home folder there. If not given, the
    environment that `narrowgauge device prepare` made in `folder`, or else `python3`."""

    threads: Annotated[tuple[Threads, ...], Field(min_length=1), one_or_many(Threads)] = (1,)
    """CPU threads of an inference: a number, or a list of numbers to measure each."""

    cpus: Annotated[tuple[Cpu, ...], Field(min_length=1), one_or_many(Cpu)] | None = None
    """Numbers of the processor cores, from 0, to keep networks on: the first of them for one thread, the first two
    for two. If not given, the last cores that there are."""

    runtime: Annotated[tuple[Runtime, ...], Field(min_length=1), one_or_many(Runtime)] = ("onnxruntime",)
    """The engine that runs networks there, or a list of engines to compare; latency is predicted for the first one."""

    memory_bytes: Bytes | None = None
    """Memory that a network may take beyond an empty runner, such as `256MiB`; one that needs more has failed."""

    timeout_seconds: float = Field(300, gt=0, le=86_400)
    """Longest time for one network, from loading to the last image, in seconds; one that takes longer has failed."""

    @property
    def is_local(self) -> bool:
        """Whether this is the machine that the workflow runs on."""
        return self.name == LOCAL

    @property
    def measuring(self) -> dict[str, Any]:
        """What a measurement depends on: a device that moves to another address is still the same."""
        return self.model_dump(mode="json", exclude={"host", "ssh_config", "folder", "lock", "python"})


def _from_name(entry: Any) -> Any:
    if entry is None:
        # A bare `-` would be a section without keys, which has its defaults: this machine.
        raise PydanticCustomError("no_device", "nothing is no device")
    # Only for a name that stands alone: in a mapping, a forgotten host is a mistake.
    return {"name": entry} | ({} if entry == LOCAL else {"host": entry}) if isinstance(entry, str) else entry


Device = Annotated[DeviceSettings, BeforeValidator(_from_name, json_schema_input_type=str | DeviceSettings)]
"""An entry of ``devices``: a mapping, or the name alone."""
