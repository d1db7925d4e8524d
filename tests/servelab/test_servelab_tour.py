"""What the README shows of servelab runs and prints what stands there; so do the examples in docstrings."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import servelab
from servelab import bench

README = Path(__file__).resolve().parents[2] / "README.md"


def blocks() -> list[str]:
    section = README.read_text("utf-8").split("## A tour of servelab")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def test_the_tour_prints_what_the_readme_says() -> None:
    test = doctest.DocTestParser().get_doctest(blocks()[0], {}, "README.md", str(README), 0)
    assert len(test.examples) > 10
    runner = doctest.DocTestRunner(verbose=False)
    said: list[str] = []
    assert runner.run(test, out=said.append).failed == 0, "".join(said)


def test_the_sweep_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    def wait_ms(rng: np.random.Generator, load: float) -> float:
        return 1000 * load * float(rng.random())

    found: dict[str, object] = {"wait_ms": wait_ms}
    exec(compile(blocks()[1].replace("n_jobs=-1", "n_jobs=1"), str(README), "exec"), found)
    assert np.shape(np.array(found["found"])) == (2, 20)
    assert "waits: 40 of 40" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(module.name for module in pkgutil.iter_modules(servelab.__path__)))
def test_examples_in_docstrings_print_what_they_say(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"servelab.{name}")).failed == 0


def test_the_bench_compares_and_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A hundredth of the work: enough to see that both sides compute the same, not to time them."""
    assert bench.main(["--scale", "0.01", "--json", str(tmp_path / "bench.json")]) == 0
    printed = capsys.readouterr().out
    for name in [model.name for model in bench.QUEUES] + ["batches", "continuous"]:
        assert name in printed
    row = bench.batch_row(0.8, 0.01)
    assert row.largest_difference_s < 1e-6
    assert bench.queue_row(bench.QUEUES[2], 0.01).largest_difference_s < 1e-6
    assert bench.generation_row(8, 0.01).largest_difference_s < 1e-6
    assert (tmp_path / "bench.json").read_text("utf-8").startswith("{")


def test_a_bad_scale_of_the_bench_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--scale", "2"])
    assert "--scale is 2.0: it must lie between 0.01 and 1" in capsys.readouterr().err
