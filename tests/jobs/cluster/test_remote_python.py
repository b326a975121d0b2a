from jobs.cluster.remote_python import differences, facts

HERE = {"python": "3.11.7", "versions": {"ray": "2.60.0", "pillow": "13.0", "torch": "2.13.0"}, "code": "aa"}


def test_what_differs_on_the_cluster_and_may_matter_is_a_line():
    there = {"python": "3.12.1", "versions": {"ray": "2.60.1", "pillow": "13.0"}, "code": "bb"}
    assert differences(HERE, there) == [
        "the cluster has Python 3.12, this machine 3.11",
        "the cluster has ray 2.60.1, this machine 2.60.0",
        "the cluster has other code of this engine than this machine; `code: send` sends yours",
    ]


def test_what_is_the_same_or_a_patch_of_python_is_no_line():
    assert differences(HERE, HERE) == []
    assert differences(HERE, {**HERE, "python": "3.11.9"}) == []


def test_a_recipe_that_this_engine_does_not_take_is_a_fact():
    assert facts("classic")["recipe"] == ""
    assert "did you mean 'classic'" in facts("clasic")["recipe"]
