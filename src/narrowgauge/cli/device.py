"""``narrowgauge device``: what a device is, what it lacks, and how it gets that."""

import argparse
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from narrowgauge.cli.stages import add_config_option
from narrowgauge.config.devices import LOCAL, Device, DeviceSettings
from narrowgauge.config.load import load
from narrowgauge.errors import NarrowgaugeError


def _check(options: argparse.Namespace) -> None:
    from narrowgauge.devices import check
    from narrowgauge.devices.reach import transport_to

    device = _device(options)
    facts = check.inspect(transport_to(device, Path()), device)
    print(device.name if device.is_local else f"{device.name} (ssh {device.host})")
    for key, value in check.described(facts).items():
        print(f"  {key:18}{value}")
    found = check.findings(facts, device)
    for finding in found:
        print(f"\n{'missing' if finding.fatal else 'note'}: {finding.what}\n  {finding.remedy}")
    if any(finding.fatal for finding in found):
        raise NarrowgaugeError(f"device {device.name} cannot measure yet: do what stands above, then check again")
    for runtime in device.runtime:
        timed = check.time_tiny_network(device, runtime)
        print(
            f"\na tiny network in {runtime}: median {timed.percentile_ms(50):.3f} ms, P90 "
            f"{timed.percentile_ms(90):.3f} ms, {len(timed.good_ns)} samples out of {len(timed.samples_ns)}"
            f"{'' if timed.settled else ', times did not settle'}"
        )


def _prepare(options: argparse.Namespace) -> None:
    from narrowgauge.devices.prepare import prepare
    from narrowgauge.devices.reach import transport_to

    device = _device(options)
    if device.is_local:
        raise NarrowgaugeError(f"{LOCAL} is this machine, and needs no preparation: it runs what narrowgauge runs in")
    if device.python:
        raise NarrowgaugeError(
            f"device {device.name} uses {device.python}, as the config says; leave `python` out to have an "
            "environment made"
        )
    python = prepare(transport_to(device, Path()), device)
    print(f"{device.name}: {python} is ready; `narrowgauge device check {device.name}` tries it")


def _device(options: argparse.Namespace) -> DeviceSettings:
    """The device of the config with this name, or else the alias of the SSH configuration."""
    if options.config.exists():
        for device in load(options.config).devices:
            if device.name == options.name:
                return device
    try:
        device = TypeAdapter(Device).validate_python(options.name)
    except ValidationError as error:
        raise NarrowgaugeError(f"{options.name!r} is no name of a device: {error.errors()[0]['msg']}") from error
    return device


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these commands to the parser."""
    device = commands.add_parser("device", help="check or prepare a device of the config, or an SSH host")
    actions = device.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary, command in (
        ("check", "what a device is and what it lacks; times a tiny network there", _check),
        ("prepare", "make an environment with the runtimes on a device", _prepare),
    ):
        parser = actions.add_parser(name, help=summary, description=summary.capitalize())
        parser.add_argument("name", metavar="NAME", help="a device of the config, or an alias of the SSH configuration")
        add_config_option(parser)
        parser.set_defaults(command=command)
