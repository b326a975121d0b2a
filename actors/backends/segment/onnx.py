"""What stands out in a photo, by nets in ONNX files: see `actors.models.nets` for which, and how they are fed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast, final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from actors.compose.segment import Segment
from actors.models.nets import NETS, Net, find_net
from actors.models.provenance import fingerprint
from engine.errors import EnvironmentProblem, SampleError, UsageError
from engine.photos.images import shrink
from engine.photos.mattes import (
    OPAQUE,
    PRESENT,
    Matte,
    PixelBox,
    decidedness,
    require_object,
    soft_edge,
    tight_box,
    to_matte,
)
from engine.rows.values import Model, Pixels

DESCRIPTION = "mycanvas"
"""Key of an ONNX file's metadata under which its `Net` may stand, as JSON."""
Probability = NDArray[np.float32]


WORKING_SIDE = 1024  # px; no net sees more, and the edge is found on the photo itself
NEAR, NEARER, NEAREST = 0.4, 0.25, 0.15  # margin around the object, of its longer side
BRIGHTEN = 0.6  # exponent: a dark cat's body leaves its shadow
EDGE_CELLS = 2  # the contour is that uncertain, in pixels of the net


@final
class OnnxSegmenter:
    """Photo to matte by one net, or by several whose answers are averaged.

    Each net looks at the whole photo and at its mirror image, then at what it found from nearer: mirrored, with more
    room, and brightened. The object is where the near looks have p >= 0.5 on average; its edge follows the photo.
    Quality is how decided the average of all looks is, the mean of |2p - 1| over all pixels with p > 0.1: where looks
    disagree, their average is grey. Of 70 photos of 14 subjects 16 are below 0.85; all are bad, of 20 bad ones in all.

    Args:
        nets: names of `NETS` or paths of ONNX files.
        look_again: False takes one look at the whole photo.

    Raises:
        UsageError: NET_UNKNOWN.
        EnvironmentProblem: NET_MISSING, WEIGHTS_UNREADABLE.
    """

    def __init__(self, nets: Sequence[str], *, look_again: bool = True) -> None:
        self._nets = [_LoadedNet(find_net(name)) for name in nets]
        self._look_again = look_again
        self.models = tuple(net.model for net in self._nets)

    def __call__(self, photo: Pixels, name: str = "") -> Matte:
        """The matte of an HxWx3 photo, HxW uint8; what stands out is not asked for its `name`.

        Raises:
            SampleError: NOTHING_TO_CUT where the nets find no pixel more likely object than not.
        """
        del name
        small = shrink(photo, WORKING_SIDE)
        if not self._look_again:
            height, width = photo.shape[:2]
            return to_matte(_to_size(self._look(small), width, height))
        first = self._look(small, mirror=True)
        require_object(first)
        box = tight_box(np.rint(255 * first).astype(np.uint8), OPAQUE)
        assert box is not None
        bright = np.rint(255 * (small / 255) ** BRIGHTEN).astype(np.uint8)
        near = [
            self._look_near(small, _around(box, NEAREST), mirror=True),
            self._look_near(small, _around(box, NEAR)),
            self._look_near(bright, _around(box, NEARER)),
        ]
        object_map = _mean(near)
        require_object(object_map)
        quality = decidedness(_mean([first, *near]))
        cell = max(box[2] - box[0], box[3] - box[1]) / min(net.side for net in self._nets)
        return Matte(_follow_edge(photo, object_map, EDGE_CELLS * cell * photo.shape[0] / small.shape[0]), quality)

    def _look(self, photo: Pixels, *, mirror: bool = False) -> Probability:
        """The average answer HxW of all nets to a photo, with `mirror` also to its mirror image."""
        answers = [net(photo) for net in self._nets]
        if mirror:
            flipped = np.ascontiguousarray(photo[:, ::-1])
            answers += [net(flipped)[:, ::-1] for net in self._nets]
        return _mean(answers)

    def _look_near(self, photo: Pixels, near: tuple[slice, slice], *, mirror: bool = False) -> Probability:
        """The answer HxW of all nets to a part of a photo, 0 elsewhere."""
        part = np.ascontiguousarray(photo[near])
        whole = np.zeros(photo.shape[:2], np.float32)
        with suppress(SampleError):  # nothing there when seen from near: then the looks disagree
            whole[near] = self._look(part, mirror=mirror)
        return whole


def load(spec: Segment) -> OnnxSegmenter:
    """The segmenter that a recipe asks for."""
    return OnnxSegmenter(spec.nets, look_again=spec.look_again)


def _mean(maps: Sequence[Probability]) -> Probability:
    return cast("Probability", np.mean(maps, axis=0, dtype=np.float32))


def _around(box: PixelBox, margin: float) -> tuple[slice, slice]:
    """Rows and columns of a box, grown by a share of its longer side."""
    x0, y0, x1, y1 = box
    more = int(margin * max(x1 - x0, y1 - y0))
    return slice(max(y0 - more, 0), y1 + more), slice(max(x0 - more, 0), x1 + more)


def _follow_edge(photo: Pixels, object_map: Probability, band: float) -> Pixels:
    """An alpha of the photo's size whose edge follows the photo within `band` px of where the map is 0.5."""
    height, width = photo.shape[:2]
    mask = np.where(_to_size(object_map, width, height) >= PRESENT, 255, 0).astype(np.uint8)
    return soft_edge(photo, mask, max(2, round(band)))


def _to_size(p: Probability, width: int, height: int) -> Probability:
    return np.asarray(np.clip(cv2.resize(p, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1), np.float32)


@final
class _LoadedNet:
    """A session of onnxruntime and what its file says."""

    def __init__(self, path: Path) -> None:
        self._session = _open(path)
        self._net = _describe(path, self._session.get_modelmeta().custom_metadata_map)
        self._input = self._session.get_inputs()[0].name
        self.side = self._net.side
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
        return _to_size(p, width, height)


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
