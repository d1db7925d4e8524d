"""A run keeps its steps, stops where it is told to, and goes on where it was."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path

import pytest
from labs.lab import Lab, Outcome, every_lab
from labs.record import single
from labs.session import MissingPartError, PausedError, Session, code_of, kept_folder

from labs import __main__ as command
from servelab import ROOT


def session(folder: Path, **settings: float) -> Session:
    return Session("echo", lambda _: None, folder, **settings)  # type: ignore[arg-type]


def test_a_step_is_computed_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def work() -> object:
        calls.append(1)
        return [(1, 2)]

    assert session(tmp_path).step("one", work) == [[1, 2]]
    assert session(tmp_path).step("one", work) == [[1, 2]]
    assert len(calls) == 1
    again = session(tmp_path)
    again.forget()
    again.step("one", work)
    assert len(calls) == 2


def test_a_step_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    run = session(tmp_path)
    with pytest.raises(ValueError, match="Out of range"):
        run.step("bad", lambda: float("nan"))
    with pytest.raises(ZeroDivisionError):
        run.step("worse", lambda: 1 / 0)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".json"] == []
    assert run.step("bad", lambda: 1.5) == 1.5


def test_the_time_of_kept_steps_counts(tmp_path: Path) -> None:
    session(tmp_path).step("slow", lambda: time.sleep(0.02))
    resumed = session(tmp_path)
    resumed.step("slow", lambda: None)
    assert resumed.kept_s >= 0.02


def test_a_run_stops_between_steps(tmp_path: Path) -> None:
    late = session(tmp_path, until_s=time.monotonic() - 1)
    with pytest.raises(PausedError, match="stopped before step one"):
        late.step("one", lambda: 1)
    timed = session(tmp_path, timed_only=True)
    assert timed.step("clock", lambda: 1, timed=True) == 1
    with pytest.raises(PausedError, match="step ears"):
        timed.step("ears", lambda: 1)
    assert late.step("clock", lambda: 2) == 1


def test_keys_are_names_of_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="key is"):
        session(tmp_path).step("../x", lambda: 1)


def test_a_missing_part_is_collected(tmp_path: Path) -> None:
    def absent() -> int:
        raise MissingPartError("install it: pip install it")

    run = session(tmp_path)
    assert run.part("it", absent) is None
    assert run.part("that", lambda: 3) == 3
    assert run.missing == ["it: install it: pip install it"]


def test_steps_belong_to_their_code_and_their_processor(tmp_path: Path) -> None:
    files = {path.relative_to(ROOT).as_posix() for path in code_of("labs.codecs")}
    assert {"labs/codecs.py", "labs/speech.py", "src/servelab/opus.py", "src/servelab/__init__.py"} <= files
    assert "src/servelab/plots.py" not in files
    first, second = (kept_folder("codecs", "labs.codecs", cpu, tmp_path) for cpu in ("a", "b"))
    assert first.parent == second.parent == tmp_path / "codecs"
    assert first != second


# ---------------------------------------------------------------- through the command


def interrupted_once(calls: list[str]) -> Lab:
    """A lab of two steps, whose second is interrupted the first time."""

    def second() -> float:
        if "second" not in calls:
            calls.append("second")
            raise KeyboardInterrupt
        return 2.0

    def first() -> float:
        calls.append("first")
        return 1.0

    def run(session: Session) -> Outcome:
        values = {"a": {"sum": single(session.step("first", first) + session.step("second", second), "s")}}
        return Outcome("two steps", 1, values, {}, {"none": "0"}, [])

    return Lab("echo", "Echo", "what", "why", "a moment", "nothing", run)


def test_an_interrupted_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[str] = []
    lab = interrupted_once(calls)
    monkeypatch.setattr(command, "every_lab", lambda: {"echo": lab})
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(command, "kept_folder", lambda *_: tmp_path / "steps")
    assert command.main(["echo"]) == 130
    assert "Run it again to go on" in capsys.readouterr().err
    assert command.main(["echo", "--minutes", "-1"]) == 3
    assert "stopped before step second" in capsys.readouterr().err
    assert command.main(["echo"]) == 0
    assert calls == ["first", "second"]
    record = json.loads((tmp_path / "results" / "echo.json").read_text("utf-8"))
    assert record["values"]["a"]["sum"]["value"] == 3


def test_every_lab_is_listed_under_its_name_and_defined_by_its_module() -> None:
    for name, lab in every_lab().items():
        assert lab.name == name
        assert importlib.import_module(lab.module).LAB is lab
