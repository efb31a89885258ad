"""Data sets: what is read, and what a user is told when it cannot be."""

import io
import json
import pickle
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch.nn import functional

from narrowgauge.config.data import DataSettings
from narrowgauge.data.sources import read_examples
from narrowgauge.data.torchvision_import import torchvision_datasets
from narrowgauge.errors import NarrowgaugeError


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def random_pixels(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)


def write_set(path, images, labels, column="img", metadata=None):
    table = pa.table(
        {
            column: pa.array(
                [{"bytes": image, "path": None} for image in images],
                pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
            ),
            "label": pa.array(labels, pa.int64()),
        }
    )
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def named_set(path, names, labels):
    """Images whose classes are named as the hub's own library does."""
    described = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    images = [encoded(image) for image in random_pixels(len(labels), 8, 8)]
    return write_set(path, images, labels, metadata={"huggingface": json.dumps(described)})


def from_parquet(path, part="training"):
    return read_examples(DataSettings(name="parquet", train=path, test=path), part)


class TestDigits:
    def test_all_scans_are_in_one_part(self):
        settings = DataSettings()
        parts = [read_examples(settings, part) for part in ("training", "test")]
        indices = np.concatenate([part.indices for part in parts])
        assert sorted(indices) == list(range(1797))
        assert [len(part.labels) for part in parts] == [1437, 360]
        np.testing.assert_array_equal(parts[0].labels, load_digits().target[parts[0].indices])

    def test_every_class_is_tested_in_proportion(self):
        test = read_examples(DataSettings(), "test")
        expected = np.bincount(load_digits().target) * 0.2
        assert np.abs(np.bincount(test.labels) - expected).max() <= 1

    def test_images_are_the_scans_made_larger(self):
        training = read_examples(DataSettings(), "training")
        assert training.images.shape == (1437, 3, 32, 32)
        scans = torch.tensor(load_digits().images[training.indices] * 255 / 16)[:, None]
        expected = functional.interpolate(scans, size=32, mode="bilinear")[:, 0]
        assert np.abs(training.images[:, 0] - expected.numpy()).max() <= 1.5
        np.testing.assert_array_equal(training.images[:, 0], training.images[:, 2])


class TestParquet:
    def test_pixels_labels_and_order_are_kept(self, tmp_path):
        pixels = random_pixels(5, 32, 32, 3)
        path = write_set(tmp_path / "a.parquet", [encoded(image) for image in pixels], [3, 0, 1, 1, 2])
        examples = from_parquet(path)
        np.testing.assert_array_equal(examples.images, pixels.transpose(0, 3, 1, 2))
        assert examples.labels.tolist() == [3, 0, 1, 1, 2]
        assert examples.classes == 4

    def test_a_folder_is_read_in_the_order_of_names(self, tmp_path):
        pixels = random_pixels(3, 32, 32, 3)
        for position in (2, 0, 1):
            write_set(tmp_path / f"train-{position}.parquet", [encoded(pixels[position])], [position], "image")
        examples = from_parquet(tmp_path)
        assert examples.labels.tolist() == [0, 1, 2]
        np.testing.assert_array_equal(examples.images[2], pixels[2].transpose(2, 0, 1))

    def test_other_sizes_and_modes_become_32_x_32_rgb(self, tmp_path):
        grey = np.full((70, 50), 90, np.uint8)
        path = write_set(tmp_path / "a.parquet", [encoded(grey), encoded(grey, "JPEG")], [0, 1])
        images = from_parquet(path).images
        assert images.shape == (2, 3, 32, 32)
        assert np.abs(images.astype(int) - 90).max() <= 1

    @pytest.mark.parametrize(
        ("pixels", "mode", "expected"),
        [
            (np.array([[0, 2000, 32768, 65535]], np.uint16), None, [0, 7, 128, 255]),
            # A black drawing on transparent ground; half of it half transparent.
            (np.array([[[0, 255], [0, 0], [0, 128], [0, 255]]], np.uint8), "LA", [0, 255, 127, 0]),
            (np.array([[[0, 0, 0, 255], [9, 9, 9, 0], [0, 0, 0, 128], [70, 70, 70, 255]]], np.uint8), "RGBA", None),
        ],
    )
    def test_deep_and_transparent_images_look_as_they_do_elsewhere(self, tmp_path, pixels, mode, expected):
        tiled = np.tile(pixels, (32, 8, *[1] * (pixels.ndim - 2)))
        path = write_set(tmp_path / "a.parquet", [encoded(tiled)], [0])
        assert mode is None or Image.open(io.BytesIO(encoded(tiled))).mode == mode
        row = from_parquet(path).images[0, :, 0, :4].astype(int)
        assert np.abs(row - (expected or [0, 255, 127, 70])).max() <= 1

    def test_a_level_that_is_transparent_is_so_in_16_bits_too(self, tmp_path):
        buffer = io.BytesIO()
        levels = np.tile(np.array([40_000, 8_000], np.uint16), (32, 16))
        Image.fromarray(levels).save(buffer, "PNG", transparency=40_000)
        path = write_set(tmp_path / "a.parquet", [buffer.getvalue()], [0])
        assert from_parquet(path).images[0, 0, 0, :2].tolist() == [255, 8_000 >> 8]

    def test_what_a_camera_says_is_up_is_up(self, tmp_path):
        pixels = random_pixels(1, 32, 32, 3)[0]
        buffer = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6  # orientation: to be turned by 90 degrees to the right
        Image.fromarray(pixels).save(buffer, "PNG", exif=exif)
        path = write_set(tmp_path / "a.parquet", [buffer.getvalue()], [0])
        np.testing.assert_array_equal(from_parquet(path).images[0], np.rot90(pixels, -1).transpose(2, 0, 1))

    def test_pixels_of_unknown_meaning_are_refused(self, tmp_path):
        path = write_set(tmp_path / "a.parquet", [encoded(np.full((4, 4), 0.5, np.float32), "TIFF")], [0])
        with pytest.raises(NarrowgaugeError, match=r"a\.parquet, row 0: .*32-bit numbers \(mode F\)"):
            from_parquet(path)

    def test_the_hub_keeps_both_parts_in_one_folder(self, tmp_path):
        image = encoded(random_pixels(1, 8, 8)[0])
        for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001", "._train-hidden"):
            write_set(tmp_path / f"{name}.parquet", [image], [0])
        examples = from_parquet(tmp_path / "train-*")
        assert list(examples.files) == ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
        assert from_parquet(tmp_path / "train**.parquet").files == examples.files
        (tmp_path / "train-00001-of-00002.parquet").unlink()
        with pytest.raises(NarrowgaugeError, match=r"train-00001-of-00002\.parquet is missing beside train-00000"):
            from_parquet(tmp_path / "train-*.parquet")
        assert from_parquet(tmp_path / "train-00000-of-00002.parquet").labels.tolist() == [0], "by name, one will do"

    def test_class_names_of_the_hub_are_kept(self, tmp_path):
        path = named_set(tmp_path / "a.parquet", ["cat", "dog", "newt"], [1])
        examples = from_parquet(path)
        assert examples.class_names == ("cat", "dog", "newt")
        assert examples.classes == 3

    def test_files_that_name_their_classes_otherwise_are_no_set(self, tmp_path):
        named_set(tmp_path / "a.parquet", ["cat", "dog"], [1])
        named_set(tmp_path / "b.parquet", ["dog", "cat"], [1])
        with pytest.raises(NarrowgaugeError, match=r"b\.parquet names its classes dog, cat, but .*a\.parquet cat, dog"):
            from_parquet(tmp_path)

    def test_a_broken_image_is_named_by_file_and_row(self, tmp_path):
        good = encoded(random_pixels(1, 32, 32, 3)[0])
        path = write_set(tmp_path / "a.parquet", [good] * 300 + [good[:40]], [0] * 301)
        with pytest.raises(NarrowgaugeError, match=r"a\.parquet, row 300: the image cannot be decoded"):
            from_parquet(path)

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"picture": [b""], "label": [0]}, "no column img or image; its columns are picture, label"),
            ({"img": [b""], "label": [0]}, "column img is binary; it must be a struct with a field bytes"),
            ({"img": [{"bytes": b""}]}, "has no column label"),
            ({"img": [{"bytes": b""}], "label": ["cat"]}, "column label is string; it must be an integer"),
            ({"img": [{"bytes": b""}], "label": [-1]}, "row 0: label is -1"),
            ({"img": [{"bytes": b""}], "label": pa.array([2**63], pa.uint64())}, "row 0: label is 9223372036854775808"),
            ({"img": [{"bytes": "text"}], "label": [0]}, "row 0: the image cannot be decoded"),
            ({"img": pa.array([{"bytes": None}], pa.struct([("bytes", pa.binary())])), "label": [0]}, "no bytes"),
        ],
    )
    def test_wrong_columns_are_told(self, tmp_path, columns, message):
        pq.write_table(pa.table(columns), tmp_path / "a.parquet")
        with pytest.raises(NarrowgaugeError, match=message):
            from_parquet(tmp_path / "a.parquet")

    def test_missing_and_foreign_files_are_told(self, tmp_path):
        with pytest.raises(NarrowgaugeError, match="does not exist"):
            from_parquet(tmp_path / "none.parquet")
        with pytest.raises(NarrowgaugeError, match=r"holds no \.parquet file"):
            from_parquet(tmp_path)
        (tmp_path / "a.parquet").write_bytes(b"not Parquet at all")
        with pytest.raises(NarrowgaugeError, match=r"a\.parquet cannot be read as Parquet"):
            from_parquet(tmp_path / "a.parquet")

    def test_cifar10_jpeg_is_complete(self, cifar10_jpeg):
        examples = from_parquet(cifar10_jpeg / "test.parquet", "test")
        assert examples.images.shape == (10_000, 3, 32, 32)
        assert np.bincount(examples.labels).tolist() == [1000] * 10
        # Published means of the original: 0.4914, 0.4822, 0.4465 (training part).
        np.testing.assert_allclose(examples.images.mean((0, 2, 3)) / 255, [0.494, 0.485, 0.450], atol=0.005)


class TestCifar10:
    def test_without_a_network_the_user_learns_which_file_goes_where(self, tmp_path, monkeypatch):
        # A port that nothing listens on stands for no network.
        monkeypatch.setattr(torchvision_datasets().CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
        with pytest.raises(NarrowgaugeError) as caught:
            read_examples(DataSettings(name="cifar10", folder=tmp_path / "data"), "training")
        for part in ("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", "http", str(tmp_path / "data")):
            assert part in str(caught.value)

    def test_batches_in_the_folder_are_read(self, tmp_path, monkeypatch):
        pixels = random_pixels(6, 3, 32, 32)
        folder = tmp_path / "cifar-10-batches-py"
        folder.mkdir()
        for name, rows in (("train", slice(0, 4)), ("test", slice(4, 6))):
            batch = {"data": pixels[rows].reshape(-1, 3072), "labels": list(range(6))[rows]}
            (folder / name).write_bytes(pickle.dumps(batch))
        (folder / "meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
        cifar10 = torchvision_datasets().CIFAR10
        monkeypatch.setattr(cifar10, "train_list", [["train", None]])
        monkeypatch.setattr(cifar10, "test_list", [["test", None]])
        monkeypatch.setattr(cifar10, "meta", {"filename": "meta", "key": "label_names", "md5": None})
        examples = read_examples(DataSettings(name="cifar10", folder=tmp_path), "training")
        np.testing.assert_array_equal(examples.images, pixels[:4])
        assert examples.labels.tolist() == [0, 1, 2, 3]
        assert examples.classes == 10

    def test_another_import_error_is_not_swallowed(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "torchvision", None)
        with pytest.raises(ImportError):
            torchvision_datasets()
