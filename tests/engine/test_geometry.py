from engine.geometry import Box, contain, intersection, min_area


def test_areas_shrink_with_the_count():
    assert [min_area(count) for count in (2, 3, 4, 5)] == [0.04, 0.04, 0.028, 0.016]


def test_boxes_that_do_not_touch_share_nothing():
    assert intersection(Box(0, 0, 0.5, 0.5), Box(0.5, 0, 1, 1)) == 0
    assert intersection(Box(0, 0, 0.5, 0.5), Box(0.25, 0.25, 1, 1)) == 0.0625


def test_a_shape_is_contained_standing_on_the_bottom_edge():
    assert contain(2.0, Box(0.0, 0.0, 0.5, 1.0)) == Box(0.0, 0.75, 0.5, 1.0)
    assert contain(0.5, Box(0.0, 0.0, 1.0, 0.5)) == Box(0.375, 0.0, 0.625, 0.5)


def test_a_box_is_inside_the_canvas_or_not():
    assert Box(0, 0, 1, 1).inside_canvas
    assert not Box(-0.01, 0, 1, 1).inside_canvas
    assert not Box(0.5, 0, 0.5, 1).inside_canvas


def test_pixels_are_never_nothing():
    assert Box(0.5, 0.5, 0.5001, 0.5001).pixels(100) == (50, 50, 51, 51)
