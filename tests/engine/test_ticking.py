import time

from engine.ticking import tick


def test_something_is_done_again_and_again_and_not_after_the_block():
    done = []
    with tick(0.01, lambda: done.append(1)):
        while len(done) < 3:
            time.sleep(0.01)
    count = len(done)
    time.sleep(0.05)
    assert len(done) == count
