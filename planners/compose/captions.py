"""Words for a scene: a caption that names every object in order and its background, and the same with placeholders."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_SOUNDS_LIKE_YOU = re.compile(
    r"uni(?!n|m)|use|usb|user|uten|util|ukulele|uro|eu|ewe|onc?e\b|ouija|(?-i:U[A-Z])", re.IGNORECASE
)
_SOUNDS_OPEN = re.compile(r"hour|honest|heir|honou?r|8|11\b|18\b|[aefhilmnorsx](?:-|$|\s)", re.IGNORECASE)
_INITIALS = re.compile(r"[AEFHILMNORSX][A-Z0-9]{1,4}\b")  # an LED lamp, an SUV, but a UFO
_PAIRS = "glasses sunglasses eyeglasses goggles scissors headphones binoculars pliers jeans trousers pants shorts"
_PAIRS_WORN = "shoes boots sneakers gloves socks slippers sandals earrings"
_UNCOUNTED = "bread rice food fruit furniture luggage clothing jewelry grass sushi moss people children men women mice"
_SINGULAR_IN_S = "lens canvas atlas gas alias christmas"


@dataclass(frozen=True, slots=True)
class CaptionText:
    """`text` is `template` with ``{obj_1}``, ``{obj_2}``, … replaced by what they stand for, articles included."""

    text: str
    template: str


def fill_template(template: str, concepts: Sequence[str], classes: Sequence[str]) -> CaptionText:
    """A template with its placeholders filled, in the order in which they stand in it: "a cat", then "another cat".

    Args:
        template: holds every placeholder of `slots` once.
        concepts: as for `caption`.
        classes: as for `caption`.
    """
    places = slots(len(classes))
    order = sorted(range(len(classes)), key=lambda number: template.index(places[number]))
    text = template
    for number, thing in zip(order, _things([concepts[n] for n in order], [classes[n] for n in order]), strict=True):
        text = text.replace(places[number], thing)
    return CaptionText(text=text, template=template)


def slots(count: int) -> list[str]:
    """``{obj_1}``, ``{obj_2}``, …: what stands for the objects in a template."""
    return [f"{{obj_{number}}}" for number in range(1, count + 1)]


def caption(concepts: Sequence[str], classes: Sequence[str], phrase: str) -> CaptionText:
    """Caption a scene: "a photo of a cat, a teapot and a backpack on the beach".

    Args:
        concepts: the user's names; one speaks for its object where the class name holds no word.
        classes: of the objects, in the order in which they are named.
        phrase: of the background, such as "on the beach"; may be empty.
    """
    place = printable(phrase).rstrip(" .,;")
    tail = f" {place}" if place else ""
    return fill_template(f"a photo of {_join_things(slots(len(classes)))}{tail}", concepts, classes)


def clean(class_name: str) -> str:
    """A class name as words: "stuffed_animal2" is "stuffed animal"."""
    return re.sub(r"[\s\d]+$", "", printable(class_name.replace("_", " "))).strip()


def printable(text: str) -> str:
    """One line without control, formatting or unpaired characters; braces, which mark placeholders, become brackets."""
    plain = unicodedata.normalize("NFC", text).translate({ord("{"): "(", ord("}"): ")"})
    kept = (" " if character.isspace() else character for character in plain)
    return " ".join("".join(c for c in kept if c == " " or unicodedata.category(c)[0] not in "CZ").split())


def _join_things(things: Sequence[str]) -> str:
    if len(things) < 2:
        return "".join(things)
    return f"{', '.join(things[:-1])} and {things[-1]}"


def _things(concepts: Sequence[str], classes: Sequence[str]) -> list[str]:
    nouns = [clean(each) or clean(concept) or "object" for each, concept in zip(classes, concepts, strict=True)]
    seen: Counter[str] = Counter()
    things = []
    for noun in nouns:
        things.append(thing(noun, again=seen[noun.lower()] > 0))
        seen[noun.lower()] += 1
    return things


def thing(noun: str, *, again: bool = False) -> str:
    """The noun with what stands before it: a, an, another, some, a pair of."""
    last = noun.lower().split()[-1]
    if last in f"{_PAIRS} {_PAIRS_WORN}".split():
        return f"{'another' if again else 'a'} pair of {noun}"
    if last in _UNCOUNTED.split() or _plural(last):
        return f"{'more' if again else 'some'} {noun}"
    return f"another {noun}" if again else f"{_article(noun)} {noun}"


def _plural(word: str) -> bool:
    return word.endswith("s") and not word.endswith(("ss", "us", "is", "os")) and word not in _SINGULAR_IN_S.split()


def _article(noun: str) -> str:
    if _SOUNDS_LIKE_YOU.match(noun):
        return "a"
    return "an" if noun[0].lower() in "aeiou" or _SOUNDS_OPEN.match(noun) or _INITIALS.match(noun) else "a"
