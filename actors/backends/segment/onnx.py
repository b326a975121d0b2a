"""What stands out in a photo, by nets in ONNX files: see `actors.models.nets` for which, and how they are fed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from actors.compose.segment import Segment
from actors.models.nets import NETS, Net, find_net
from actors.models.provenance import fingerprint
from engine.errors import EnvironmentProblem, UsageError
from engine.photos.mattes import OPAQUE, Matte, overlap, require_object, to_matte
from engine.rows.values import Model, Pixels

DESCRIPTION = "mycanvas"
"""Key of an ONNX file's metadata under which its `Net` may stand, as JSON."""
Probability = NDArray[np.float32]


@final
class OnnxSegmenter:
    """Photo to matte by one net, or by several whose answers are averaged.

    Quality is how decided the nets are, the mean of |2p - 1| over all pixels with p > 0.1, times how far they agree:
    the least intersection over union of any two of their masks.

    Args:
        nets: names of `NETS` or paths of ONNX files.

    Raises:
        UsageError: NET_UNKNOWN.
        EnvironmentProblem: NET_MISSING, WEIGHTS_UNREADABLE.
    """

    def __init__(self, nets: Sequence[str]) -> None:
        self._nets = [_LoadedNet(find_net(name)) for name in nets]
        self.models = tuple(net.model for net in self._nets)

    def __call__(self, photo: Pixels, name: str = "") -> Matte:
        """The matte of an HxWx3 photo, HxW uint8; what stands out is not asked for its `name`.

        Raises:
            SampleError: NOTHING_TO_CUT where a net finds no pixel more likely object than not.
        """
        del name
        answers = [net(photo) for net in self._nets]
        alphas = [np.rint(255 * p).astype(np.uint8) for p in answers]
        p = cast("Probability", np.mean(answers, axis=0, dtype=np.float32))
        return to_matte(p, _agreement(alphas))


def load(spec: Segment) -> OnnxSegmenter:
    """The segmenter that a recipe asks for."""
    return OnnxSegmenter(spec.nets)


def _agreement(alphas: Sequence[Pixels]) -> float:
    masks = [(alpha >= OPAQUE).astype(np.uint8) for alpha in alphas]
    pairs = [overlap(one, other) for place, one in enumerate(masks) for other in masks[place + 1 :]]
    return min(pairs, default=1.0)


@final
class _LoadedNet:
    """A session of onnxruntime and what its file says."""

    def __init__(self, path: Path) -> None:
        self._session = _open(path)
        self._net = _describe(path, self._session.get_modelmeta().custom_metadata_map)
        self._input = self._session.get_inputs()[0].name
        self.model = Model(name=path.stem, revision=fingerprint(path), license=self._net.license)

    def __call__(self, photo: Pixels) -> Probability:
        """HxW in 0..1."""
        net = self._net
        square = cv2.resize(photo, (net.side, net.side), interpolation=cv2.INTER_AREA).astype(np.float32)
        values = (square / max(float(square.max()), 1e-6) - _channels(net.mean)) / _channels(net.std)
        batch = np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32)
        p: Probability = np.asarray(self._session.run(None, {self._input: batch})[0], np.float32)
        p = p.reshape(net.side, net.side)
        if net.logits:
            p = np.asarray(1 / (1 + np.exp(-p)), np.float32)
        require_object(p)  # before the stretch, which would turn no object into one
        if net.stretch:
            p = (p - p.min()) / (p.max() - p.min() + 1e-6)
        height, width = photo.shape[:2]
        return np.asarray(np.clip(cv2.resize(p, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1), np.float32)


def _channels(values: tuple[float, float, float]) -> Probability:
    return np.array(values, np.float32)


def _open(path: Path) -> Any:
    """A session on the GPU where onnxruntime has one.

    One thread: sums then have one order, so a matte does not depend on the machine; and each worker has one core.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    known = onnxruntime.get_available_providers()
    wanted = [each for each in ("CUDAExecutionProvider", "CPUExecutionProvider") if each in known]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=wanted)
    except Exception as error:  # its errors have no common base
        raise EnvironmentProblem(
            "WEIGHTS_UNREADABLE",
            "not a net that onnxruntime can read",
            where=str(path),
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix="get the file again",
        ) from error


def _describe(path: Path, metadata: Mapping[str, str]) -> Net:
    """How the net of a file is fed: by its name, or by its own metadata.

    Raises:
        UsageError: NET_UNKNOWN.
    """
    if path.stem in NETS:
        return NETS[path.stem]
    try:
        said = json.loads(metadata[DESCRIPTION])
        return Net(**{**said, "mean": tuple(said["mean"]), "std": tuple(said["std"])})
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(
            "NET_UNKNOWN",
            "nobody says how photos enter this net",
            where=str(path),
            why=f"its name is none of {', '.join(NETS)}, and its metadata have no {DESCRIPTION!r} that describes it",
            fix="name the file after the net that it holds",
        ) from error
