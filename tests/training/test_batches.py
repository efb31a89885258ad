"""Batches: every image once, augmented as said, normalised."""

import numpy as np
import pytest
import torch

from narrowgauge.config.training import Augmentation
from narrowgauge.data.images import ImageSet
from narrowgauge.data.normalisation import Normalisation
from narrowgauge.training.batches import Batches

NORMALISATION = Normalisation((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


def random_images(count: int = 10) -> ImageSet:
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.integers(0, 256, (count, 3, 32, 32), np.uint8))
    return ImageSet(images, torch.arange(count), NORMALISATION, count, "", {})


def one_epoch(images: ImageSet, augmentation: Augmentation, batch_size: int = 3, seed: int = 0, number: int = 1):
    fixed = torch.Generator().manual_seed(0)
    batches = Batches(images, augmentation, batch_size, torch.device("cpu"), fixed)
    return list(batches.epoch(number, torch.Generator().manual_seed(seed)))


def test_without_augmentation_an_epoch_is_the_normalised_images_in_another_order():
    images = random_images()
    served = one_epoch(images, Augmentation(flip=False, shift=0), batch_size=5)
    pixels, labels = (torch.cat(parts) for parts in zip(*served, strict=True))
    assert sorted(labels.tolist()) == list(range(10))
    assert labels.tolist() != list(range(10))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (NORMALISATION.mean, NORMALISATION.std))
    expected = (images.images[labels] / 255 - mean) / std
    torch.testing.assert_close(pixels, expected)
    assert pixels.is_contiguous(memory_format=torch.channels_last)


def test_a_last_batch_that_is_not_full_is_left_out():
    served = one_epoch(random_images(10), Augmentation(), batch_size=4)
    assert [len(labels) for _, labels in served] == [4, 4]
    assert [len(labels) for _, labels in one_epoch(random_images(3), Augmentation(), batch_size=4)] == [3]


@pytest.mark.parametrize("flip", [False, True])
def test_each_image_is_some_shifted_and_mirrored_crop(flip):
    shift = 2
    images = random_images(6)
    padded = np.pad(images.images.numpy(), ((0, 0), (0, 0), (shift, shift), (shift, shift)), mode="reflect")
    seen = set()
    for seed in range(5):
        for pixels, labels in one_epoch(images, Augmentation(flip=flip, shift=shift), seed=seed):
            for image, label in zip(pixels, labels.tolist(), strict=True):
                raw = image.double() * torch.tensor(NORMALISATION.std).view(3, 1, 1) * 255
                raw += torch.tensor(NORMALISATION.mean).view(3, 1, 1) * 255
                seen.add(place(padded[label], raw.round().numpy(), shift))
    assert {down for down, _, _ in seen} == {right for _, right, _ in seen} == set(range(2 * shift + 1))
    assert {mirrored for _, _, mirrored in seen} == ({False, True} if flip else {False})


def place(padded: np.ndarray, image: np.ndarray, shift: int) -> tuple[int, int, bool]:
    for down in range(2 * shift + 1):
        for right in range(2 * shift + 1):
            crop = padded[:, down : down + 32, right : right + 32]
            for mirrored in (False, True):
                if np.array_equal(crop[:, :, ::-1] if mirrored else crop, image):
                    return down, right, mirrored
    raise AssertionError("this image is no crop of its source")


def test_alternating_flips_show_every_image_both_ways_in_two_epochs():
    images = random_images(200)
    mirrored = []
    for number in (1, 2, 3):
        served = one_epoch(
            images, Augmentation(flip="alternating", shift=0), batch_size=200, seed=number, number=number
        )
        pixels, labels = served[0]
        plain = images.normalised()[labels]
        turned = [torch.equal(image, other.flip(2)) for image, other in zip(pixels, plain, strict=True)]
        assert all(
            is_turned or torch.equal(image, other)
            for is_turned, image, other in zip(turned, pixels, plain, strict=True)
        )
        mirrored.append(dict(zip(labels.tolist(), turned, strict=True)))
    first, second, third = mirrored
    assert 60 < sum(first.values()) < 140
    assert all(first[label] != second[label] for label in first)
    assert first == third


def test_the_generator_decides_everything():
    images = random_images()
    first, again, other = (one_epoch(images, Augmentation(), seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a[1], b[1]) for a, b in zip(first, other, strict=True))
