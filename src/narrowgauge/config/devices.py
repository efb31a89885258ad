"""Entries of ``devices``: machines that run exported networks."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from narrowgauge.config.base import Section, one_or_many

Threads = Annotated[int, Field(ge=1, le=1024, strict=True)]
Cpu = Annotated[int, Field(ge=0, lt=1024, strict=True)]


class DeviceSettings(Section):
    """A machine that runs exported networks. A name alone, `local`, stands for `{name: local}`."""

    name: Literal["local"] = "local"
    """`local`: the machine that the workflow runs on."""

    threads: Annotated[tuple[Threads, ...], Field(min_length=1), one_or_many(Threads)] = (1,)
    """CPU threads of an inference: a number, or a list of numbers to measure each."""

    cpus: Annotated[tuple[Cpu, ...], Field(min_length=1), one_or_many(Cpu)] | None = None
    """Numbers of the processor cores that networks are kept on, from 0; all of them if not given."""

    runtime: Literal["onnxruntime"] = "onnxruntime"
    """The engine that runs the network there."""

    @property
    def is_local(self) -> bool:
        """Whether this is the machine that the workflow runs on."""
        return self.name == "local"


def _from_name(entry: Any) -> Any:
    return {"name": entry} if isinstance(entry, str) else entry


Device = Annotated[DeviceSettings, BeforeValidator(_from_name, json_schema_input_type=str | DeviceSettings)]
"""An entry of ``devices``: a mapping, or the name alone."""
