"""IS-Net's network: a U-net of small U-nets, six maps out.

Architecture: Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022, with the RSU blocks of U^2-Net
(Qin et al., Pattern Recognition 2020, figure 2). Names and shapes follow the published state dict; written anew here.
"""

from __future__ import annotations

from typing import cast, final

import torch
from torch import Tensor, nn
from torch.nn import functional


@final
class ConvBlock(nn.Module):
    """3x3 convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn_s1(self.conv_s1(x)))


@final
class RSU(nn.Module):
    """Residual U-block: a small U-Net of `depth` levels whose output is added to its input features.

    `flat` is the RSU-4F of the deep stages, where maps are too small to pool: each level dilates twice as much instead.
    """

    def __init__(self, depth: int, inputs: int, middle: int, outputs: int, *, flat: bool = False) -> None:
        super().__init__()
        self.depth, self.flat = depth, flat
        self.rebnconvin = ConvBlock(inputs, outputs)
        for level in range(1, depth + 1):
            dilation = 2 ** (level - 1) if flat else 1 + (level == depth)
            self.add_module(f"rebnconv{level}", ConvBlock(outputs if level == 1 else middle, middle, dilation))
        for level in range(depth - 1, 0, -1):
            dilation = 2 ** (level - 1) if flat else 1
            self.add_module(f"rebnconv{level}d", ConvBlock(2 * middle, outputs if level == 1 else middle, dilation))

    def forward(self, x: Tensor) -> Tensor:
        features = self.rebnconvin(x)
        levels = [self.get_submodule("rebnconv1")(features)]
        for level in range(2, self.depth + 1):
            pooled = levels[-1] if self.flat or level == self.depth else _halve(levels[-1])
            levels.append(self.get_submodule(f"rebnconv{level}")(pooled))
        y = levels.pop()
        for level in range(self.depth - 1, 0, -1):
            skip = levels.pop()
            y = self.get_submodule(f"rebnconv{level}d")(torch.cat((resize_like(y, skip), skip), 1))
        return cast("Tensor", y + features)


def _halve(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2, stride=2, ceil_mode=True)


def resize_like(x: Tensor, like: Tensor) -> Tensor:
    """`x` at the height and width of `like`, bilinear."""
    if x.shape[-2:] == like.shape[-2:]:
        return x
    return functional.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


@final
class ISNet(nn.Module):
    """Six encoder stages, five decoder stages, a side map from each decoder stage and from the deepest encoder stage.

    Args:
        width: channels as a fraction of the published 64 to 512; 1.0 is the published net (44 million parameters).
            Rounded to steps of 1/64, so that the first layer's shape alone tells the width of stored weights.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        base = max(4, round(64 * width))
        c16, c32, c64, c128, c256, c512 = (max(4, channels * base // 64) for channels in (16, 32, 64, 128, 256, 512))
        self.conv_in = nn.Conv2d(3, c64, 3, stride=2, padding=1)
        self.stage1 = RSU(7, c64, c32, c64)
        self.stage2 = RSU(6, c64, c32, c128)
        self.stage3 = RSU(5, c128, c64, c256)
        self.stage4 = RSU(4, c256, c128, c512)
        self.stage5 = RSU(4, c512, c256, c512, flat=True)
        self.stage6 = RSU(4, c512, c256, c512, flat=True)
        self.stage5d = RSU(4, 2 * c512, c256, c512, flat=True)
        self.stage4d = RSU(4, 2 * c512, c128, c256)
        self.stage3d = RSU(5, 2 * c256, c64, c128)
        self.stage2d = RSU(6, 2 * c128, c32, c64)
        self.stage1d = RSU(7, 2 * c64, c16, c64)
        for level, channels in enumerate((c64, c64, c128, c256, c512, c512), start=1):
            self.add_module(f"side{level}", nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Six maps Bx1xHxW in 0..1, the finest first, from Bx3xHxW in -0.5..0.5."""
        return tuple(torch.sigmoid(side) for side in self.logits(x))

    def logits(self, x: Tensor) -> tuple[Tensor, ...]:
        """The six maps before the sigmoid, which a loss in reduced precision needs."""
        encoded = [self.stage1(self.conv_in(x))]
        for level in range(2, 7):
            encoded.append(self.get_submodule(f"stage{level}")(_halve(encoded[-1])))
        decoded = [encoded.pop()]
        for level in range(5, 0, -1):
            skip = encoded.pop()
            decoded.append(self.get_submodule(f"stage{level}d")(torch.cat((resize_like(decoded[-1], skip), skip), 1)))
        sides = (self.get_submodule(f"side{level}")(y) for level, y in enumerate(reversed(decoded), start=1))
        return tuple(resize_like(side, x) for side in sides)
