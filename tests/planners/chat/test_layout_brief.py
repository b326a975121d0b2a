import json

import pytest

from engine.errors import SampleError
from planners.chat.layout_answer import brief_schema, parse, read
from planners.chat.layout_brief import brief_answer, brief_request
from planners.chat.layout_prompt import EXAMPLES
from planners.compose.ground_rows import FRONT, left_to_right, stand_of
from planners.compose.layout import solve
from tests.support.data.cutouts import cutout

CAST = EXAMPLES[0].cast
GROUND = EXAMPLES[0].ground_line
BRIEF = '{"0":[20,1],"1":[90,2]}'


def test_the_question_is_one_line_of_integers_and_the_schema_lists_the_same_ids():
    asked = brief_request((cutout("dog", 0.8), cutout("cat", 0.9, ["left"])), 0.45)
    assert asked.prompt == '{"rows":[63,80,97],"gap":7,"0":["cat",23,33,40,"left"],"1":["dog",27,38,46]}'
    assert asked.schema == brief_schema(2)
    assert list(asked.schema["properties"]) == asked.schema["required"] == ["0", "1"]


def test_what_is_cut_off_at_a_side_is_asked_at_an_edge():
    cuts = ([], ["left"], ["bottom"], ["right", "bottom"])
    assert left_to_right([cutout("mug", 1.0, cut) for cut in cuts]) == [1, 0, 2, 3]
    assert left_to_right([cutout("mug", 1.0)]) == [0]
    cast = (cutout("dog", 0.8), cutout("cat", 0.9, ["left"]))
    assert [item.cutout_id for item in sorted(read(BRIEF, cast, 0.4), key=lambda item: item.box)] == ["cat-0", "dog-0"]


@pytest.mark.parametrize("ground", [None, 0.0, 0.2, 0.5, 0.72, 0.85])
def test_rows_lie_below_the_ground_line_and_no_box_leaves_the_canvas(ground):
    cast = [cutout("dog", 0.2), cutout("mug", 5.0), cutout("cat", 1.0, ["bottom"])]
    stand = stand_of(cast, ground)
    assert list(stand.rows) == sorted(set(stand.rows))
    assert (0.5 if ground is None else ground) + 0.02 <= stand.rows[0] / 100 <= stand.rows[-1] / 100 == FRONT
    for item, widths in zip(cast, stand.widths, strict=True):
        assert list(widths) == sorted(widths)
        bottoms = stand.rows if not item.cut_borders else (100,) * 3
        assert all(width / item.aspect <= bottom for width, bottom in zip(widths, bottoms, strict=True))
    assert len(set(stand.widths[2])) == 1


def test_an_answer_is_the_long_one_in_fewer_words():
    stand = stand_of(CAST, GROUND)
    boxes = []
    for number, (way, row) in enumerate(((20, 1), (90, 2))):
        width, bottom = stand.widths[number][row] * 10, stand.rows[row] * 10
        left = way * (1000 - width) // 100
        boxes.append([left, bottom - round(width / CAST[number].aspect), left + width, bottom])
    objects = [{"id": number, "box": box, "support": "ground", "depth": 0} for number, box in enumerate(boxes)]
    assert parse(BRIEF, CAST, GROUND) == parse(json.dumps({"objects": objects}), CAST, GROUND)


def test_rows_beyond_the_last_are_the_last():
    assert parse('{"0":[20,1],"1":[90,90]}', CAST, GROUND) == parse(BRIEF, CAST, GROUND)


@pytest.mark.parametrize("width", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("row", [0, 1, 2])
@pytest.mark.parametrize("way", [0, 1, 37, 50, 99, 100])
def test_no_way_leads_out_of_the_canvas(way, row, width):
    cast = [cutout("dog", width), cutout("cat", 1.0)]
    first = next(item for item in read(f'{{"0":[{way},{row}],"1":[0,0]}}', cast, GROUND) if item.cutout_id == "dog-0")
    assert first.box[0] >= 0
    assert first.box[2] <= 1


def test_a_straightened_layout_obeys_the_rules_and_keeps_the_solvers_depth():
    cast = (cutout("mug", 1.1), cutout("dog", 0.8), cutout("cat", 0.9, ["right", "bottom"]))
    good = 0
    for seed in range(50):
        layout = solve(seed, cast, 0.4)
        answer = brief_answer(layout, cast, 0.4)
        assert json.dumps(json.loads(answer), separators=(",", ":")) == answer
        placed = {item.cutout_id: item for item in read(answer, cast, 0.4)}
        wanted = {item.cutout_id: item.box[3] for item in layout}
        assert all(abs(item.box[3] - wanted[number]) < 0.2 for number, item in placed.items())
        good += not isinstance(_parsed(answer, cast), SampleError)
    assert good > 45


def test_gaps_from_side_to_side_are_equal_were_all_at_the_front():
    cast = [cutout(name, 1.0) for name in ("mug", "ball", "cup")]
    stand = stand_of(cast, 0.5)
    answer = json.loads(brief_answer(solve(0, cast, 0.5), cast, 0.5)).values()
    lefts = [way / 100 * (100 - widths[-1]) for (way, _), widths in zip(answer, stand.widths, strict=True)]
    edges = [0, *(edge for x, widths in zip(lefts, stand.widths, strict=True) for edge in (x, x + widths[-1])), 100]
    gaps = [right - left for left, right in zip(edges[::2], edges[1::2], strict=True)]
    assert max(abs(gap - stand.gap) for gap in gaps[:-1]) <= 1
    assert 0 <= gaps[-1] - stand.gap <= 4


def _parsed(answer, cast):
    try:
        return parse(answer, cast, 0.4)
    except SampleError as error:
        return error


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{}", "LAYOUT_JSON"),
        ('{"0":[27,1]}', "LAYOUT_IDS"),
        ('{"0":[27,1],"7":[73,2]}', "LAYOUT_IDS"),
        ('{"0":[27,1],"x":[73,2]}', "LAYOUT_JSON"),
        ('{"0":[27,1,36],"1":[73,2,39]}', "LAYOUT_JSON"),
        ('{"0":[27],"1":[73,2]}', "LAYOUT_JSON"),
        ('{"0":[27,"1"],"1":[73,2]}', "LAYOUT_JSON"),
        ('{"0":[27.5,1],"1":[73,2]}', "LAYOUT_JSON"),
        ('{"0":[101,1],"1":[73,2]}', "LAYOUT_RULES"),
        ('{"0":[-9,1],"1":[73,2]}', "LAYOUT_RULES"),
        ('{"0":[60,1],"1":[73,2]}', "LAYOUT_RULES"),
        ('{"0":[1' + "0" * 4000 + ',1],"1":[73,2]}', "LAYOUT_JSON"),
    ],
)
def test_an_answer_that_cannot_be_drawn_is_named(text, code):
    with pytest.raises(SampleError) as caught:
        parse(text, CAST, GROUND)
    assert caught.value.code == code
