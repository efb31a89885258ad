"""Packing and unpacking: megabytes of float32 per second on one core.

python benchmarks/packing.py [--megabytes M]
"""

import argparse

import timing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=16, help="size of the array in MiB (default 16)")
    options = parser.parse_args()
    timing.use_cores(1)

    import numpy as np

    from narrowgauge.formats.packed_file import decode_packed, encode_packed
    from narrowgauge.formats.packing import pack, unpack

    values = np.random.default_rng(0).standard_normal(int(options.megabytes * 2**20) // 4).astype(np.float32)
    print(timing.machine("numba", "numpy"))
    print(f"\n{options.megabytes:g} MiB of float32; MB/s of float32 in or out, one core\n")
    print("| format | pack | unpack | write the file | read it | numpy copy |")
    print("|---|---|---|---|---|---|")
    for fmt in ("e1m1", "e2m1", "e4m3", "e3m6", "e5m10", "e6m12", "e8m23"):
        data, file = pack(values, fmt), encode_packed({"values": values}, fmt)
        contenders = {
            "pack": lambda fmt=fmt: pack(values, fmt),
            "unpack": lambda fmt=fmt, data=data: unpack(data, values.size, fmt),
            "write": lambda fmt=fmt: encode_packed({"values": values}, fmt),
            "read": lambda file=file: decode_packed(file, "file"),
            "copy": values.copy,
        }
        best = timing.fastest(contenders, seconds=1)
        print(f"| {fmt} | " + " | ".join(f"{values.nbytes / seconds / 1e6:.0f}" for seconds in best.values()) + " |")


if __name__ == "__main__":
    main()
