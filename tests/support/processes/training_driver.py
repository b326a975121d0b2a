"""A process that trains the tiny network on a cluster of its own and says its reports; to be killed: FOLDER or URI."""

import sys

from cluster.session import session
from cluster.training import train
from engine.training.resources import TrainingResources
from tests.support.models.tiny_training import TinyTraining, storage_in

SPEC = TinyTraining(nap_s=0.01)


def say(report):
    sys.stdout.write(f"{report.to_line()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with session(cpus=1):
        train(SPEC, storage_in(sys.argv[1]), TrainingResources(), say)
