"""Networks timed on a device: exported ones (benchmark) and untrained ones (calibration)."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

_TIMES = pa.list_(pa.float64())
_ATTEMPTS = pa.list_(pa.struct([("reason", pa.string()), ("samples_ms", _TIMES)]))


def _timing(name: str, kind: pa.DataType, doc: str) -> Column:
    return Column(name, kind, doc, nullable=True, volatile=True)


SCHEMA = Schema(
    kind="measurements",
    version=3,
    doc="A row per network, device and number of threads: raw times of inferences at batch size 1, memory, answers.",
    columns=(
        Column("arch", pa.string(), "architecture"),
        Column("format", pa.string(), "number format as asked for; may be 'best'"),
        Column("resolved_format", pa.string(), "the format it stands for", nullable=True),
        Column("device", pa.string(), "where it was timed"),
        Column("runtime", pa.string(), "inference engine on the device"),
        Column("threads", pa.int32(), "CPU threads of an inference"),
        Column(
            "status",
            pa.string(),
            "ok, failed (on the device), invalid (see `discarded`), emulated, or that of an export",
            volatile=True,  # whether the machine held still is no less a timing than the samples
        ),
        Column("message", pa.string(), "why the status is not ok", nullable=True, volatile=True),
        Column("model_sha256", pa.string(), "of the file that was timed", nullable=True),
        Column("runtime_version", pa.string(), "of the inference engine", nullable=True),
        Column(
            "predictions", pa.list_(pa.int32()), "class the device gave each test image, -1 for none", nullable=True
        ),
        Column("labels", pa.list_(pa.int32()), "class of each test image", nullable=True),
        Column("device_accuracy", pa.float64(), "share of the test images that the device got right", nullable=True),
        Column("disagreements", pa.int32(), "test images whose class differs between device and host", nullable=True),
        _timing("cores", pa.list_(pa.int32()), "processor cores that the network was kept on"),
        _timing("samples_ms", _TIMES, "every timed inference, in its order"),
        _timing(
            "disturbed",
            pa.list_(pa.string()),
            "what disturbed each: 'others' used processors beside it, a hypervisor took time ('steal'), it was "
            "'preempted'; nothing for a good one",
        ),
        _timing("warmup_ms", _TIMES, "every inference of the warm-up before, the first one excepted"),
        _timing("settled", pa.bool_(), "whether times had settled when the warm-up ended"),
        _timing("reference_before_ms", pa.float64(), "median of the reference network before this one"),
        _timing("reference_after_ms", pa.float64(), "the same behind it"),
        _timing("discarded", _ATTEMPTS, "attempts around which the reference network did not hold still, and samples"),
        _timing("load_ms", pa.float64(), "time to read the file and make the network ready"),
        _timing("cold_start_ms", pa.float64(), "load_ms and the first inference"),
        _timing("median_ms", pa.float64(), "median of the samples that nothing disturbed"),
        _timing("p90_ms", pa.float64(), "90th percentile of the same"),
        _timing("p99_ms", pa.float64(), "99th percentile of the same"),
        _timing("n", pa.int64(), "how many those are; all of samples_ms where fewer than ten are left"),
        _timing("peak_rss_bytes", pa.int64(), "peak resident memory of the process that ran the network"),
        _timing("model_rss_bytes", pa.int64(), "the same, above a process whose network does nothing"),
        _timing("clock_resolution_ns", pa.int64(), "smallest step seen of the device's clock"),
        _timing("device_facts", pa.string(), "JSON: board, processor, cores, memory, kernel, versions"),
        _timing("state_before", pa.string(), "JSON: load, clocks, governor, temperature, throttling before the timing"),
        _timing("state_after", pa.string(), "JSON: the same after it"),
    ),
    sort_by=("arch", "format", "device", "runtime", "threads"),
)
