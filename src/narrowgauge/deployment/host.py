"""Run an exported file on the host."""

import os

import numpy as np
from numpy.typing import NDArray

# Its Linux builds report every session to the vendor unless told not to, from version 1.29 on, and the reader of the
# variable is the import itself.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from narrowgauge.deployment.onnx_model import OUTPUT


def run_on_host(model: bytes, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of an exported network, computed by onnxruntime one image at a time, as a device does.

    Args:
        model: the ONNX file's content.
        images: normalised, ``[n, channels, height, width]``.

    Returns:
        ``[n, classes]``.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run([OUTPUT], {name: image[None]})[0] for image in images])
