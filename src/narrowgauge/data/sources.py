"""The data sets that a config can name."""

from narrowgauge.config.data import DataSettings
from narrowgauge.data.cifar10 import read_cifar10
from narrowgauge.data.digits import read_digits
from narrowgauge.data.examples import Examples
from narrowgauge.data.parquet_images import read_parquet


def read_examples(settings: DataSettings, part: str) -> Examples:
    """Read one part of the data set that the config names.

    Args:
        settings: section ``data`` of the config.
        part: ``training`` or ``test``.

    Raises:
        NarrowgaugeError: the data are missing or damaged; the message says what would be right.
    """
    if settings.name == "digits":
        return read_digits(part)
    if settings.name == "cifar10":
        assert settings.folder is not None, "the config asks for a folder with this data set"
        return read_cifar10(settings.folder, part)
    source = settings.train if part == "training" else settings.test
    assert source is not None, "the config asks for both files with this data set"
    return read_parquet(source)
