"""Colours of a photo's own profile as sRGB, by LittleCMS."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

SRGB_NAMES = ("sRGB", "sRGB built-in", "sRGB IEC61966-2.1")
"""Profiles that say nothing new: a conversion would only round."""
_SRGB = ImageCms.createProfile("sRGB")
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION


def to_srgb(image: Image.Image) -> tuple[Image.Image, bool]:
    """The picture in sRGB, alpha untouched, and whether its profile changed anything.

    Relative colorimetric with black point compensation: colours that sRGB has are kept as they are.

    Args:
        image: L, LA, RGB, RGBA or CMYK; others, and pictures without a profile, come back as they are.

    Raises:
        ImageCms.PyCMSError: the profile cannot be read, or is not for the picture's mode.
    """
    data = image.info.get("icc_profile")
    if not data or image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return image, False
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    except (OSError, TypeError) as error:
        raise ImageCms.PyCMSError(str(error)) from error
    if ImageCms.getProfileDescription(profile).strip() in SRGB_NAMES:
        return image, False
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    colors = image.convert({"LA": "L", "RGBA": "RGB"}.get(image.mode, image.mode))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    converted = ImageCms.profileToProfile(
        colors, profile, _SRGB, renderingIntent=intent, outputMode="RGB", flags=_FLAGS
    )
    assert converted is not None
    if alpha is not None:
        converted.putalpha(alpha)
    return converted, True
