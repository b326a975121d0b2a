"""What choosing rows costs: a view over a million scores, and a copy of a tenth of five gigabytes beside DuckDB's."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import duckdb

from benchmarks.support.child_process import ROOT, ask
from benchmarks.support.curate_data import write_dataset
from benchmarks.support.figure import Figure
from cluster.rewrite import rewrite
from cluster.session import session
from engine.dataset.rewrite import Rewrite, write_plan
from engine.dataset.score_table import open_scores
from engine.dataset.views import open_dataset
from engine.run.pool import COMMIT, Pool
from engine.storage.commits import CommittedUnits, Receipt, list_committed
from engine.storage.manifest import write_manifest
from engine.storage.open_store import open_store
from jobs.curate.filter import choose
from planners.curate.selection import Wanted

COMMAND = str(Path(sys.executable).with_name("mycanvas"))
ROUNDS = 5
MILLION = {"units": 1000, "unit_rows": 1000, "image_bytes": 32}
LARGE = {"units": 400, "unit_rows": 64, "image_bytes": 200_000}
QUESTIONS = {
    "two scores and a concept": ("--where", "clip_score >= 0.28 and cp_clip > 0.25 and 'dog1' in concepts"),
    "the best tenth": ("--top", "10%", "--by", "clip_score"),
    "the worst object": ("--where", "min(objects.identity) > 0.5"),
}
UNIT_ROWS, WORKERS = 320, 2


def run() -> list[Figure]:
    """On the disk of the checkout: /tmp may be memory."""
    with tempfile.TemporaryDirectory(prefix="mcb", dir=ROOT) as name:
        write_dataset(f"{name}/million", **MILLION)
        views = _views(Path(name))
        shutil.rmtree(f"{name}/million")
        write_dataset(f"{name}/large", **LARGE)
        return [*views, _copy(Path(name))]


def _views(folder: Path) -> list[Figure]:
    help_s = median(_seconds([COMMAND, "--help"])[0] for _ in range(ROUNDS + 1))
    beyond, peak, told, read = 0.0, 0, [], 0.0
    for number, (what, words) in enumerate(QUESTIONS.items()):
        command = [COMMAND, "filter", str(folder / "million"), *words, "--view", str(folder / f"view{number}")]
        taken = [_seconds(command) for _ in range(ROUNDS + 1)][1:]
        middle = median(seconds for seconds, _ in taken) - help_s
        beyond, peak = max(beyond, middle), max(peak, *(memory for _, memory in taken))
        read = max(read, _share_read(folder / "million", words))
        told.append(f"{what} {middle:.2f} s")
    detail = f"medians of {ROUNDS} whole commands, less {help_s:.2f} s of --help: {', '.join(told)}"
    return [
        Figure("filter --view of 1,000,000 rows, beyond --help", "<= 1 s", f"{beyond:.2f} s", beyond <= 1, detail),
        Figure("its peak memory", "<= 500 MB", f"{peak / 1e6:.0f} MB", peak <= 500e6, "resident, the largest of all"),
        Figure(
            "bytes it reads / bytes of the score table", "<= 1.2", read, read <= 1.2, "of three questions the largest"
        ),
    ]


def _seconds(command: list[str]) -> tuple[float, int]:
    """Wall time of a command, and the most memory that it held, in bytes."""
    seconds, memory = ask("benchmarks.speed.timed", *command, timeout_s=60)
    return seconds, memory


def _share_read(dataset: Path, words: tuple[str, ...]) -> float:
    """What a process reads from its files for a question, beside the size of the score table."""
    table = sum(file.stat().st_size for file in (dataset / "scores").iterdir())
    return float(ask("benchmarks.speed.curate", str(dataset), *words, timeout_s=60)) / table


def _copy(folder: Path) -> Figure:
    with open_scores(open_dataset(str(folder / "large"))) as scores:
        limit = scores.ask("select quantile_cont(clip_score, 0.9) from scores where status = 'accepted'")[0][0].as_py()
    with session() as _:
        turns = [(_ours(folder, limit), _duck(folder, limit)) for _ in range(ROUNDS + 1)][1:]
    own, start = median(own for (own, _), _ in turns), median(start for (_, start), _ in turns)
    other = median(duck for _, duck in turns)
    ratio = median(duck / (own - start) for (own, start), duck in turns)
    detail = (
        f"5.1 GB, a tenth kept; {own:.1f} s, of which {start:.1f} s are Ray's start (the same with units of nothing), "
        f"against {other:.1f} s; medians of {ROUNDS}; with that start {other / own:.2f}. Ours is hashed and synced too"
    )
    return Figure("filter --out / DuckDB COPY, Ray's start excluded", ">= 1.0", ratio, ratio >= 1, detail)


def _ours(folder: Path, limit: float) -> tuple[float, float]:
    """Seconds of choosing, copying and summarising, and of a pool that has nothing to do."""
    out = folder / "ours"
    began = time.perf_counter()
    chosen = choose(str(folder / "large"), Wanted(where=f"clip_score >= {limit}"), explain=False)
    store = open_store(str(out))
    write_plan(store, chosen.rows)
    done = list_committed(store, -(-chosen.rows.num_rows // UNIT_ROWS))
    _drain(Rewrite(chosen.store.uri, store.uri, UNIT_ROWS), done)
    write_manifest(store)
    own = time.perf_counter() - began
    shutil.rmtree(out)
    began = time.perf_counter()
    _drain(_nothing, done)
    return own, time.perf_counter() - began


def _drain(make: Callable[[int], Receipt], done: CommittedUnits) -> None:
    for _ in rewrite(make, [Pool(stages=("copy", COMMIT), memory_gb=0.2)], [WORKERS], done):
        pass


def _nothing(unit_id: int) -> Receipt:
    return Receipt(
        unit_id=unit_id, file="", rows=0, accepted=0, rejected=0, failed=0, bytes=0, blake2b="", failures_blake2b="",
        attempt=0, timings={},
    )  # fmt: skip


def _duck(folder: Path, limit: float) -> float:
    out = folder / "duck.parquet"
    question = f"status = 'accepted' and clip_score >= {limit}"
    began = time.perf_counter()
    with duckdb.connect(config={"threads": WORKERS}) as connection:
        connection.execute(
            f"copy (select * from read_parquet('{folder}/large/data/*.parquet') where {question}) "
            f"to '{out}' (format parquet, compression uncompressed)"
        )
    taken = time.perf_counter() - began
    out.unlink()
    return taken


if __name__ == "__main__":
    words = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=True))
    asked = Wanted(where=words.get("--where", ""), top=words.get("--top", ""), by=words.get("--by", ""))
    counters = Path("/proc/self/io")
    before = int(counters.read_text().split()[1])
    choose(sys.argv[1], asked, explain=False)
    print(int(counters.read_text().split()[1]) - before)
