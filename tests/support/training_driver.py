"""A process that trains the tiny course on a cluster of its own, to be killed: FOLDER."""

import sys
from pathlib import Path

from cluster.session import session
from cluster.training import Place, train
from tests.support.tiny_course import Tiny

COURSE = Tiny(nap_s=0.01)


def place(folder, **fields):
    return Place(data=folder, out=folder / "out", work=folder / "work", **fields)


if __name__ == "__main__":
    with session(cpus=1):
        train(COURSE, place(Path(sys.argv[1])), lambda _: None)
