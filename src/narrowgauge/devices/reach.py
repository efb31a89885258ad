"""Which way leads to a device of the config."""

from pathlib import Path

from narrowgauge.config.devices import DeviceSettings
from narrowgauge.devices.ssh import SshTransport
from narrowgauge.devices.transport import LocalTransport, Transport


def transport_to(device: DeviceSettings, work: Path) -> Transport:
    """The way to a device.

    Args:
        device: entry of ``devices`` in the config.
        work: folder of this job on the host; for the host as a device, what is sent goes there.
    """
    return LocalTransport(work) if device.is_local else SshTransport(device)
