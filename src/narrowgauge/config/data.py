"""The ``data`` section: which images, and how they are split."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from narrowgauge.config.base import LocalPath, Section


class DataSettings(Section):
    """Which images networks are trained and tested on, and how the validation split is cut."""

    # Where the files lie is nothing to the images; their names and sizes are (``source_files``).
    indifferent = Section.indifferent | {"folder", "train", "test"}

    name: Literal["digits", "cifar10", "parquet"] = "digits"
    """The data set: `digits` (1,797 scanned digits that scikit-learn carries), `cifar10` (the original Python
    version, downloaded if need be), or `parquet` (encoded images in the layout of the Hugging Face hub: a column
    `img` or `image`, a column `label`)."""

    folder: LocalPath | None = Field(default=None, validate_default=True)
    """With `cifar10`: the folder that holds `cifar-10-batches-py`, or into which it is downloaded."""

    train: LocalPath | None = Field(default=None, validate_default=True)
    """With `parquet`: the file of training images, a folder whose `.parquet` files are read in the order of their
    names, or a pattern of such names in a folder (`data/train-*.parquet`)."""

    test: LocalPath | None = Field(default=None, validate_default=True)
    """With `parquet`: the file of test images, a folder of such files, or a pattern."""

    classes: int = Field(10, ge=2)
    """Number of classes that the networks tell apart; labels are 0 to one less."""

    validation_share: float = Field(default=0.1, gt=0, lt=0.5)
    """Share of the training images, of each class alike, that is set apart for validation: every choice is made on
    it."""

    split_seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the validation split."""

    @field_validator("folder", "train", "test")
    @classmethod
    def _given_with_its_data_set(cls, path: LocalPath | None, info: ValidationInfo) -> LocalPath | None:
        owner = "cifar10" if info.field_name == "folder" else "parquet"
        if info.data.get("name") == owner and path is None:
            what = "a folder" if owner == "cifar10" else "a Parquet file of images, or a folder of them"
            raise ValueError(f"{what}: `data.name` is {owner}")
        if path is not None and "name" in info.data and info.data["name"] != owner:
            raise ValueError(f"nothing: it is for `data.name: {owner}`, and this is {info.data['name']}")
        return path

    @field_validator("folder", "train", "test", mode="before")
    @classmethod
    def _not_empty(cls, path: object) -> object:
        if path == "":
            raise ValueError("a path, or nothing at all")
        return path
