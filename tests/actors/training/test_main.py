from actors.training.__main__ import main
from tests.support.toys.toysets import make_toysets

SMALL = ("steps=2", "log_every=1", "warmup=1", "bf16=false")


def test_a_part_is_trained_once_and_anew_when_that_is_asked_for(tmp_path, capsys):
    data = make_toysets(tmp_path / "data", 4)
    sizes = ("batch=2", "width=0.0625", "size=64", "small_size=32", *(f"schedule.{item}" for item in SMALL))
    asked = ["segmenter", "--data", str(data), "--out", str(tmp_path / "out")]
    asked += [word for item in sizes for word in ("--set", item)]
    steps = []
    for extra in ([], [], ["--fresh", "--evaluate"]):
        main([*asked, *extra])
        steps.append([line.split()[:2] for line in capsys.readouterr().out.splitlines()])
    trained = [["step", "1"], ["step", "2"]]
    assert steps[:2] == [trained, []], "a finished training is not repeated"
    assert steps[2][:2] == trained
    assert [name for name, _ in steps[2][2:]] == ["mean_iou"]
    assert (tmp_path / "out" / "segmenter" / "isnet.safetensors").is_file()
