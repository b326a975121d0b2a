from actors.caption import Caption
from engine.records import Composition
from tests.actors.libraries import run_with_library


def test_objects_are_named_by_class_in_the_order_of_the_cast(tmp_path):
    row = Composition(
        sample_id="0",
        unit_id=0,
        seed=7,
        cast=("pot-1", "rex-0", "pair-0"),
        concepts=("pot", "rex", "pair"),
        background_prompt="on the beach",
    )
    (made,) = Caption().load(run_with_library(tmp_path))([row])
    assert made.caption == "a photo of a teapot, a dog and a pair of glasses on the beach"
    assert made.caption_template == "a photo of {obj_1}, {obj_2} and {obj_3} on the beach"
