import json

import pytest

from actors.micro.spec import Measurement, local_data, local_family
from engine.errors import UsageError
from engine.storage.open_store import open_store
from engine.training.local import train_locally
from engine.training.resources import TrainingStorage
from tests.support.models.tiny_training import TinyPart
from tests.support.processes.s3_server import BUCKET, environment, s3_environment, s3_server


def test_a_measurement_is_met_from_its_target_on():
    assert Measurement("a", "b", 0.9, 0.9).met
    assert not Measurement("a", "b", float("nan"), 0.9).met
    assert Measurement("a", "b", 0.9).met is None


def test_sets_behind_an_object_store_are_refused_by_name(tmp_path):
    assert local_data(str(tmp_path)) == tmp_path
    with pytest.raises(UsageError, match="TOYSETS_NOT_LOCAL"):
        local_data("s3://bucket/toysets")


def test_a_family_on_a_disk_is_used_where_it_is(tmp_path):
    assert local_family(str(tmp_path), tmp_path / "scratch") == tmp_path


def test_a_part_is_trained_into_a_bucket_and_measured_from_there(tmp_path):
    pytest.importorskip("moto")
    with s3_server() as address, environment(s3_environment(address)):
        uri = f"s3://{BUCKET}/family"
        train_locally(TinyPart(), TrainingStorage(data=str(tmp_path), out=uri, work=uri))
        open_store(uri).put("evaluation.json", json.dumps({"parts": {}}).encode())
        family = local_family(uri, tmp_path / "copy")
        assert {path.name for path in family.iterdir()} == {"tiny", "evaluation.json"}, "no checkpoints"
        (row,) = TinyPart().evaluate(family, tmp_path, seed=7)
    assert row.met
