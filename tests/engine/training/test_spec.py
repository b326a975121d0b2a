import pytest

from engine.errors import UsageError
from engine.training.spec import configure
from tests.support.models.tiny_training import TinyTraining


def test_fields_of_a_spec_are_set_one_by_one():
    spec = configure(TinyTraining, ["schedule.steps=12", "seed=3", "schedule.betas=[0.5, 0.6]"])
    assert (spec.schedule.steps, spec.schedule.lr, spec.schedule.betas, spec.seed) == (12, 0.02, (0.5, 0.6), 3)
    assert spec.digest() != TinyTraining().digest() == configure(TinyTraining).digest()


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ("schedule.stpes=3", "RECIPE_KEY"),
        ("steps=3", "RECIPE_KEY"),
        ("schedule.steps=0", "RECIPE_VALUE"),
        ("schedule.lr=.inf", "RECIPE_VALUE"),
        ("schedule.steps=many", "RECIPE_VALUE"),
        ("schedule=3", "RECIPE_VALUE"),
        ("schedule", "RECIPE_SET"),
    ],
)
def test_wrong_fields_are_named(item, code):
    with pytest.raises(UsageError) as caught:
        configure(TinyTraining, [item])
    assert caught.value.code == code
    assert "--set" in caught.value.where


def test_other_hyperparameters_are_another_run():
    assert TinyTraining().run == f"tiny-{TinyTraining().digest()}" == TinyTraining(seed=0).run
    assert TinyTraining(seed=1).run != TinyTraining().run
