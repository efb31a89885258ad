"""The data stage: splits, normalisation, and what is read back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.data.test_sources import named_set

from narrowgauge.config.data import DataSettings
from narrowgauge.data.images import load_images
from narrowgauge.data.normalisation import measure
from narrowgauge.data.sources import read_examples
from narrowgauge.data.split import stratified_split
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.stages import data


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("digits"))


def write_digits(folder, **settings):
    files = {split: folder / f"{split}.parquet" for split in ("train", "validation", "test")}
    chosen = DataSettings(**settings)
    data.run_training(settings=chosen, train=files["train"], validation=files["validation"], code_version="1")
    data.run_test(settings=chosen, train=files["train"], test=files["test"], code_version="1")
    return {split: load_images(path) for split, path in files.items()}


def test_three_splits_share_no_image(digits):
    assert [len(split) for split in digits.values()] == [1293, 144, 360]
    source = read_examples(DataSettings(), "training").images
    joined = torch.cat([digits["train"].images, digits["validation"].images])
    assert sorted(map(bytes, joined.numpy())) == sorted(map(bytes, source))


def test_images_come_back_as_they_were_read(digits):
    expected = read_examples(DataSettings(), "test")
    np.testing.assert_array_equal(digits["test"].images.numpy(), expected.images)
    np.testing.assert_array_equal(digits["test"].labels.numpy(), expected.labels)
    assert digits["test"].classes == 10


def test_normalisation_is_that_of_the_training_split(digits):
    normalised = digits["train"].normalised().double()
    torch.testing.assert_close(normalised.mean((0, 2, 3)), torch.zeros(3, dtype=torch.float64), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        normalised.std((0, 2, 3), correction=0), torch.ones(3, dtype=torch.float64), atol=1e-5, rtol=0
    )
    assert digits["validation"].normalisation == digits["test"].normalisation == digits["train"].normalisation


def test_same_settings_give_the_same_content_and_another_seed_does_not(digits, tmp_path):
    again = write_digits(tmp_path / "again")
    other = write_digits(tmp_path / "other", split_seed=1)
    assert [split.content_hash for split in again.values()] == [split.content_hash for split in digits.values()]
    assert other["train"].content_hash != digits["train"].content_hash
    assert torch.equal(other["test"].images, digits["test"].images)


@settings(deadline=None)
@given(hnp.arrays(np.uint8, (3, 2, 4, 4)))
def test_mean_and_deviation_agree_with_numpy(images):
    normalisation = measure(images)
    pixels = images.astype(np.float64) / 255
    np.testing.assert_allclose(normalisation.mean, pixels.mean((0, 2, 3)), atol=1e-12)
    expected = pixels.std((0, 2, 3))
    np.testing.assert_allclose(normalisation.std, np.where(images.std((0, 2, 3)) == 0, 1, expected), atol=1e-12)


@settings(deadline=None)
@given(st.lists(st.integers(20, 60), min_size=2, max_size=6), st.floats(0.1, 0.4), st.integers(0, 9))
def test_a_split_keeps_the_share_of_every_class(sizes, share, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    kept, cut = stratified_split(labels, share, seed)
    assert sorted([*kept, *cut]) == list(range(len(labels)))
    assert np.abs(np.bincount(labels[cut], minlength=len(sizes)) - share * np.array(sizes)).max() <= 1.5


def test_a_class_too_small_to_split_is_told():
    with pytest.raises(NarrowgaugeError, match=r"validation_share 0\.1 cannot be cut from 4 images"):
        stratified_split(np.array([0, 0, 0, 1]), 0.1, 0)


def write_parts(folder, train, test):
    """Both parts from two sets of ``named_set``."""
    parts = {"train": folder / "a.parquet", "test": folder / "b.parquet"}
    for path, (names, labels) in zip(parts.values(), (train, test), strict=True):
        named_set(path, names, labels)
    write_digits(folder, name="parquet", **parts)


def test_few_images_of_a_class_are_told(tmp_path, capsys):
    write_parts(tmp_path, (list("abc"), [0] * 40 + [1] * 2 + [2] * 40), (list("abc"), [2, 1, 0]))
    assert "validation says nothing of these labels, which have too few images: [1]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ((["cat", "dog"], [0, 1] * 20), (["dog", "cat"], [0]), "the classes are dog, cat, those of .* cat, dog"),
        (([], [0, 1, 3] * 20), ([], [0, 2, 3]), r"no training image has these labels of test images: \[2\]"),
        ((["a", "b"], [0, 1] * 20), (["a", "b"], [0, 1] * 20), r"b\.parquet is among the training images too"),
    ],
)
def test_parts_that_do_not_belong_together_are_told(tmp_path, train, test, message):
    with pytest.raises(NarrowgaugeError, match=message):
        write_parts(tmp_path, train, test)


def test_images_that_were_moved_are_the_same(tmp_path):
    hashes = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        named_set(tmp_path / name / "a.parquet", ["a", "b"], [0, 1] * 20)
        named_set(tmp_path / name / "b.parquet", ["a", "b"], [0, 1, 1])
        parts = {"train": tmp_path / name / "a.parquet", "test": tmp_path / name / "b.parquet"}
        hashes.append([split.content_hash for split in write_digits(tmp_path / name, name="parquet", **parts).values()])
    assert hashes[0] == hashes[1]


def test_a_label_beyond_the_classes_is_named_with_its_image(tmp_path):
    labels = read_examples(DataSettings(), "training").labels
    first = int(np.flatnonzero(labels == 9)[0])
    with pytest.raises(NarrowgaugeError, match=rf"image {first} has label 9 .*data\.classes is 9"):
        write_digits(tmp_path, classes=9)
    assert not list(tmp_path.iterdir())
