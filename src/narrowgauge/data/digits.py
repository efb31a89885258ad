"""The handwritten digits that scikit-learn carries: 1,797 scans of 8 x 8 pixels.

E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (its test part).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from narrowgauge.data.examples import IMAGE_SHAPE, Examples
from narrowgauge.data.split import stratified_split

# scikit-learn has one part only. Which fifth is the test set is part of the data set, so it is no setting.
TEST_SHARE = 0.2
TEST_SPLIT_SEED = 0

_LARGEST_PIXEL = 16


def read_digits(part: str) -> Examples:
    """The digits as 3 x 32 x 32 images, scaled up bilinearly, all three channels alike.

    Args:
        part: ``training`` (1,437 images) or ``test`` (360 images, as many of each class as the share gives).
    """
    digits = load_digits()
    everything = Examples(
        images=_enlarged(digits.images),
        labels=digits.target.astype(np.int64),
        indices=np.arange(len(digits.target)),
        description="handwritten digits of scikit-learn, 8 x 8 grey scaled to 3 x 32 x 32",
        class_names=tuple(str(digit) for digit in range(10)),
    )
    training, test = stratified_split(everything.labels, TEST_SHARE, TEST_SPLIT_SEED)
    return everything.take(training if part == "training" else test)


def _enlarged(scans: NDArray[np.float64]) -> NDArray[np.uint8]:
    _, height, width = IMAGE_SHAPE
    grey = np.rint(scans * (255 / _LARGEST_PIXEL)).astype(np.uint8)
    large = [Image.fromarray(scan).resize((width, height), Image.Resampling.BILINEAR) for scan in grey]
    return np.repeat(np.stack([np.asarray(image) for image in large])[:, None], IMAGE_SHAPE[0], axis=1)
