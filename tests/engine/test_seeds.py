from engine.seeds import derive, rng, sample_id, sample_seed


def test_a_seed_depends_on_every_name():
    assert len({derive(0, "a"), derive(1, "a"), derive(0, "b"), derive(0, "a", "b"), derive(0, "ab")}) == 5


def test_seeds_fit_a_signed_column():
    assert all(0 <= sample_seed(9, sample_id(index)) < 1 << 63 for index in range(1000))


def test_a_draw_is_the_same_for_ever():
    assert rng(1, "layout", "flip").integers(0, 1000, 4).tolist() == [455, 24, 229, 97]


def test_ids_sort_as_their_numbers():
    names = [sample_id(index) for index in (9, 10, 99, 100, 12345)]
    assert names == sorted(names)
