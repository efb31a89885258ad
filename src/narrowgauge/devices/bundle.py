"""The program that the host sends to a device: the modules of ``narrowgauge.devices.onboard``, and a request."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrowgauge.devices import onboard

if TYPE_CHECKING:
    # Not to be imported here; but what the device runs belongs to the code behind a measurement.
    from narrowgauge.devices.onboard import loader, measurement  # noqa: F401

_ONBOARD = "narrowgauge.devices.onboard"

OLDEST_PYTHON = (3, 8)
NO_SUCH_PYTHON = 126
"""Exit code of a Python that is too old; also a shell's, of one that cannot be started."""

BOOTSTRAP = (
    f"import sys; sys.version_info >= {OLDEST_PYTHON} or sys.exit({NO_SUCH_PYTHON}); "
    # The folder that it starts in, somebody's home, is no place to import modules from.
    "sys.path[:] = filter(None, sys.path); "
    "exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))"
)
"""What Python, however old, is told on its command line: to read the rest from standard input. The same for every
device."""


def program(entry: str, request: dict[str, Any]) -> bytes:
    """What the bootstrap reads: the loader, then the modules and the request.

    Args:
        entry: module of ``onboard`` whose ``run(request)`` is called.
        request: anything that JSON can hold.
    """
    folder = Path(onboard.__file__).parent
    sources = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    loader = f"{sources.pop('loader')}\n\nstart()\n".encode()
    modules = {"narrowgauge": "", "narrowgauge.devices": "", _ONBOARD: sources.pop("__init__")}
    modules |= {f"{_ONBOARD}.{name}": source for name, source in sources.items()}
    sent = json.dumps({"modules": modules, "entry": f"{_ONBOARD}.{entry}", "request": request}).encode()
    return b"%d\n%b%b\n" % (len(loader), loader, sent)
