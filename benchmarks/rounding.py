"""Rounding against one copy of the same memory, and against every peer that is installed.

python benchmarks/rounding.py [--threads N] [--megabytes M] [--format eXmY]

Peers (none is needed): pip install qtorch ninja pychop jax gfloat apytypes. qtorch compiles itself with a C++ compiler.
Peers are timed, not trusted: docs/formats.md says which of them round wrongly.
"""

import argparse
from collections.abc import Callable

import timing

Call = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1, help="cores for everyone (default 1)")
    parser.add_argument("--megabytes", type=float, default=64, help="size of the tensor in MiB (default 64)")
    parser.add_argument("--format", default="e5m10")
    options = parser.parse_args()
    # Before anything is imported: libraries ask for the number of cores when they are.
    timing.use_cores(options.threads)

    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print(timing.machine("torch", "numba", "numpy", "qtorch", "pychop", "jax", "gfloat", "apytypes"))
    count = int(options.megabytes * 2**20) // 4
    x = torch.randn(count)
    print(
        f"\n{options.format}, {options.megabytes:g} MiB of float32, {options.threads} threads; ms, and times clone()\n"
    )
    best = timing.fastest(own(x, options.format) | fast_peers(x, options.format))
    best |= slow_peers(x, options.format)
    for name, seconds in best.items():
        print(f"| {name:38} | {seconds * 1e3:9.2f} | {seconds / best['tensor.clone()']:8.2f} |")
    print("\nMicroseconds for smaller tensors, in the cache\n")
    for small in (1_000, 10_000, 100_000, 1_000_000):
        part = x[:small].clone()
        best = timing.fastest(own(part, options.format) | fast_peers(part, options.format), seconds=2, calls=20)
        print(f"| {small:9} | " + " | ".join(f"{name} {seconds * 1e6:.1f}" for name, seconds in best.items()))
    if torch.cuda.is_available():
        on_gpu(count, options.format)


def own(x, fmt: str) -> dict[str, Call]:  # type: ignore[no-untyped-def]
    """The library, next to what torch takes to copy."""
    import torch

    from narrowgauge.formats import parse_format, round_to
    from narrowgauge.formats.reference import round_plain

    other, in_place = torch.empty_like(x), x.clone()
    return {
        "tensor.clone()": x.clone,
        "copy into old memory": lambda: other.copy_(x),
        "round_to": lambda: round_to(x, fmt),
        "round_to, into old memory": lambda: round_to(x, fmt, out=other),
        "round_to, in place": lambda: round_to(in_place, fmt, out=in_place),
        "plain torch (reference)": lambda: round_plain(x, parse_format(fmt), False),
    }


def fast_peers(x, fmt: str) -> dict[str, Call]:  # type: ignore[no-untyped-def]
    """Compiled or vectorised peers, as far as they are installed."""
    return {name: call for make in (compiled, qtorch, jax, pychop) for name, call in attempt(make, x, fmt).items()}


def slow_peers(x, fmt: str) -> dict[str, float]:  # type: ignore[no-untyped-def]
    """Peers so slow that a part is timed, and its time multiplied."""
    part = x[: min(x.numel(), 1 << 18)]
    calls = {name: call for make in (gfloat, apytypes) for name, call in attempt(make, part, fmt).items()}
    best = timing.fastest(calls, seconds=1)
    return {name: seconds * x.numel() / part.numel() for name, seconds in best.items()}


def attempt(make, x, fmt: str) -> dict[str, Call]:  # type: ignore[no-untyped-def]
    """What ``make`` offers, or nothing, with the reason."""
    try:
        calls: dict[str, Call] = make(x, fmt)
        for call in calls.values():
            call()
        return calls
    # A peer may fail in any way: it is left out by name, and the others are measured.
    except Exception as error:
        print(
            f"{make.__name__} is left out: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        )
        return {}


def compiled(x, fmt: str) -> dict[str, Call]:  # type: ignore[no-untyped-def]
    import torch

    from narrowgauge.formats import parse_format
    from narrowgauge.formats.reference import round_plain

    f = parse_format(fmt)
    function = torch.compile(lambda tensor: round_plain(tensor, f, False), dynamic=False)
    return {"torch.compile of the reference": lambda: function(x)}


def qtorch(x, fmt: str) -> dict[str, Call]:  # type: ignore[no-untyped-def]
    from qtorch.quant import float_quantize

    from narrowgauge.formats import parse_format

    f = parse_format(fmt)
    return {"qtorch": lambda: float_quantize(x, f.exponent_bits, f.mantissa_bits, rounding="nearest")}


def jax(x, fmt: str) -> dict[str, Call]:  # type: ignore[no-untyped-def]
    import jax

    from narrowgauge.formats import parse_format

    f = parse_format(fmt)

    def reduce(array):  # type: ignore[no-untyped-def]
        return jax.lax.reduce_precision(array, f.exponent_bits, f.mantissa_bits)

    array = jax.numpy.array(x.numpy())
    function, donating = jax.jit(reduce), jax.jit(reduce, donate_argnums=0)
    held = [jax.numpy.array(x.numpy())]

    def in_place() -> None:
        held[0] = donating(held[0]).block_until_ready()

    return {
        "jax.lax.reduce_precision": lambda: function(array).block_until_ready(),
        "jax.lax.reduce_precision, in place": in_place,
    }


def pychop(x, fmt: str) -> dict[str, Call]:  # type: ignore[no-untyped-def]
    import pychop

    from narrowgauge.formats import parse_format

    f = parse_format(fmt)
    pychop.backend("torch")
    chop = pychop.Chop(exp_bits=f.exponent_bits, sig_bits=f.mantissa_bits, rmode=1)
    return {"pychop": lambda: chop(x)}


def gfloat(x, fmt: str) -> dict[str, Call]:  # type: ignore[no-untyped-def]
    import gfloat

    from narrowgauge.formats import parse_format

    f = parse_format(fmt)
    info = gfloat.FormatInfo(
        f.name,
        f.bits,
        f.mantissa_bits + 1,
        bias=f.bias,
        is_signed=True,
        domain=gfloat.Domain.Extended,
        has_nz=True,
        num_high_nans=2**f.mantissa_bits - 1,
        has_subnormals=True,
        is_twos_complement=False,
    )
    array = x.numpy()
    return {"gfloat": lambda: gfloat.round_ndarray(info, array)}


def apytypes(x, fmt: str) -> dict[str, Call]:  # type: ignore[no-untyped-def]
    import apytypes

    from narrowgauge.formats import parse_format

    f, array = parse_format(fmt), x.numpy()
    return {"apytypes": lambda: apytypes.APyFloatArray.from_array(array, f.exponent_bits, f.mantissa_bits).to_numpy()}


def on_gpu(count: int, fmt: str) -> None:
    """The same next to a copy on the device."""
    import torch

    x = torch.randn(count, device="cuda")

    def until_done(call: Call) -> Call:
        def run() -> None:
            call()
            torch.cuda.synchronize()

        return run

    print(f"\n{torch.cuda.get_device_name()}\n")
    best = timing.fastest({name: until_done(call) for name, call in own(x, fmt).items()}, seconds=3)
    for name, seconds in best.items():
        print(f"| {name:38} | {seconds * 1e3:9.3f} | {seconds / best['copy into old memory']:8.2f} |")


if __name__ == "__main__":
    main()
