"""The batcher, the client and the values of the lab of batching, with a model that stands in."""

from __future__ import annotations

import asyncio
import os
import selectors
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from labs.record import check
from labs.serving import clips, load, model, servers
from labs.serving.batcher import Batcher

from labs import batching
from servelab import batching as simulator
from servelab import queuesim
from servelab.book import result

Found = TypeVar("Found")
STEPS_S = simulator.linear_step_s(0.0011, 0.001, 16)


# ---------------------------------------------------------------- the batcher, in a time of its own


class Jumping(selectors.SelectSelector):
    """Waits for nothing: whenever the loop would sleep, its clock is there already."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.now_s += timeout or 0.0
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only in sleeps, so that a test is exact and takes no time."""

    def __init__(self) -> None:
        self.jumping = Jumping()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now_s


def in_no_time(work: Coroutine[Any, Any, Found]) -> Found:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)


class Recorder:
    """A model that takes as long as `STEPS_S` says and gives each item back; notes the batches and when they
    began. An item in `poison` makes its whole step fail."""

    def __init__(self, poison: Sequence[int] = ()) -> None:
        self.batches: list[list[int]] = []
        self.began_s: list[float] = []
        self.poison = set(poison)

    async def __call__(self, batch: list[int]) -> list[int]:
        self.batches.append(list(batch))
        self.began_s.append(asyncio.get_running_loop().time())
        await asyncio.sleep(float(STEPS_S[len(batch) - 1]))
        for item in batch:
            if item in self.poison:
                raise LookupError(f"poison {item}")
        return batch


async def asked(
    step: Recorder, due_s: Sequence[float], size: int, wait_s: float
) -> list[int | BaseException]:
    """Ask the batcher with the number of each request when it is due."""
    batcher: Batcher[int, int] = Batcher(step, size, wait_s)
    running = asyncio.create_task(batcher.run())

    async def one(number: int, due: float) -> int:
        await asyncio.sleep(due)
        return await batcher.ask(number)

    found = await asyncio.gather(*(one(*pair) for pair in enumerate(due_s)), return_exceptions=True)
    running.cancel()
    return found


@pytest.mark.parametrize("per_s", [30, 300, 800, 1_500])
@pytest.mark.parametrize("wait_s", [0.0, 0.005])
def test_the_batcher_does_what_the_simulator_says(per_s: float, wait_s: float) -> None:
    due = queuesim.poisson_times_s(np.random.default_rng(1), per_s, 500)
    step = Recorder()
    found = in_no_time(asked(step, due.tolist(), 16, wait_s))
    expected = simulator.simulate(due, STEPS_S, wait_s)
    assert found == list(range(500))
    assert [len(batch) for batch in step.batches] == expected.size.tolist()
    np.testing.assert_allclose(step.began_s, expected.start_s, atol=1e-9)


def test_nothing_is_lost_or_doubled() -> None:
    due = np.sort(np.random.default_rng(2).uniform(0, 0.5, 1_000))
    step = Recorder()
    assert in_no_time(asked(step, due.tolist(), 16, 0.005)) == list(range(1_000))
    assert [item for batch in step.batches for item in batch] == list(range(1_000))
    assert max(len(batch) for batch in step.batches) == 16


def test_a_lone_request_waits_its_limit_and_a_full_batch_waits_for_nobody() -> None:
    step = Recorder()
    in_no_time(asked(step, [1.0, 2.0, 2.001, 2.002, 2.003], 4, 0.005))
    assert step.batches == [[0], [1, 2, 3, 4]]
    np.testing.assert_allclose(step.began_s, [1.005, 2.003])


def test_no_request_waits_longer_than_its_limit_and_the_steps_before_it() -> None:
    due = queuesim.poisson_times_s(np.random.default_rng(3), 200, 300)
    step = Recorder()
    in_no_time(asked(step, due.tolist(), 16, 0.02))
    free = 0.0
    for batch, began in zip(step.batches, step.began_s, strict=True):
        assert began <= max(due[batch[0]] + 0.02, free) + 1e-9
        free = began + float(STEPS_S[len(batch) - 1])


def test_a_failing_request_leaves_its_neighbors_alone() -> None:
    step = Recorder(poison=[2])
    found = in_no_time(asked(step, [0.0, 0.001, 0.002, 0.003, 0.5], 4, 0.005))
    assert isinstance(found[2], LookupError)
    assert [found[number] for number in (0, 1, 3, 4)] == [0, 1, 3, 4]


def test_a_step_that_answers_too_little_is_an_error_of_all() -> None:
    async def forgetful(batch: list[int]) -> list[int]:
        return []

    async def work() -> None:
        batcher: Batcher[int, int] = Batcher(forgetful, 4, 0.0)
        running = asyncio.create_task(batcher.run())
        with pytest.raises(RuntimeError, match="0 answers to 1 items"):
            await batcher.ask(7)
        running.cancel()

    in_no_time(work())


def test_one_who_gives_up_does_not_stop_the_others() -> None:
    async def work() -> int:
        batcher: Batcher[int, int] = Batcher(Recorder(), 4, 0.005)
        running = asyncio.create_task(batcher.run())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await batcher.ask(1)
        found = await batcher.ask(2)
        running.cancel()
        return found

    assert in_no_time(work()) == 2


def test_a_batcher_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="size is 0"):
        Batcher(Recorder(), 0, 0.005)
    with pytest.raises(ValueError, match="wait_s is nan"):
        Batcher(Recorder(), 4, float("nan"))


# ---------------------------------------------------------------- the servers


def loudness(signals: model.Signals) -> np.ndarray:
    """Stands in for the model: tells clips apart."""
    found: np.ndarray = np.sqrt((signals**2).mean(axis=1))
    return found


@pytest.mark.parametrize("kind", [servers.PLAIN, servers.THREADS, servers.BATCHER])
def test_every_server_gives_each_clip_its_own_answer(kind: str) -> None:
    sound = [clips.decode(body) for body in clips.bodies()]
    expected = [reply["speech"] for clip in sound for reply in model.answer(loudness, [clip])]

    async def work() -> list[model.Reply]:
        async with servers.answering(kind, loudness, 4, 0.005) as answer:
            return await asyncio.gather(*(answer(clip) for clip in sound * 3))

    found = asyncio.run(work())
    np.testing.assert_allclose([reply["speech"] for reply in found], expected * 3, rtol=1e-5)
    assert len({round(one, 6) for one in expected}) == len(sound)
    assert max(reply["batch"] for reply in found) == (4 if kind == servers.BATCHER else 1)


def test_a_kind_that_is_none_is_refused() -> None:
    async def work() -> None:
        async with servers.answering("lambda", loudness, 4, 0.0):
            pass

    with pytest.raises(ValueError, match="kind is 'lambda'"):
        asyncio.run(work())


def test_a_request_is_one_second_of_samples() -> None:
    assert {len(body) for body in clips.bodies()} == {32_000}
    assert clips.decode(b"\1\0" * 16_000).tolist() == [1] * 16_000
    with pytest.raises(ValueError, match="the body has 10 bytes"):
        clips.decode(bytes(10))


# ---------------------------------------------------------------- the client


def test_a_slow_answer_does_not_delay_the_next_request() -> None:
    async def slow(number: int) -> dict[str, Any]:
        await asyncio.sleep(0.3)
        return {"number": number}

    due = [0.01 * number for number in range(20)]
    sent = asyncio.run(load.offer(due, slow))
    assert [one.reply for one in sent] == [{"number": number} for number in range(20)]
    assert all(one.due_s == due[number] for number, one in enumerate(sent))
    assert all(one.sent_s >= one.due_s for one in sent)
    assert sent[-1].sent_s < 0.3


def test_a_stalled_client_does_not_hide_the_delay() -> None:
    async def stalls(number: int) -> dict[str, Any]:
        if number == 0:
            time.sleep(0.2)
        return {}

    sent = asyncio.run(load.offer([0.0, 0.05, 0.1], stalls))
    assert sent[1].done_s - sent[1].due_s > 0.1
    assert sent[1].done_s - sent[1].sent_s < 0.1


def test_processor_time_is_that_of_the_group(tmp_path: Path) -> None:
    for number, group in ((10, 10), (11, 10), (12, 99)):
        (tmp_path / str(number)).mkdir()
        fields = ["S", "1", str(group), *["0"] * 8, "30", "20"]
        (tmp_path / str(number) / "stat").write_text(f"{number} (py) thon) {' '.join(fields)}\n")
    (tmp_path / "13").mkdir()
    assert load.group_cpu_s(10, tmp_path) == pytest.approx(100 / os.sysconf("SC_CLK_TCK"))


def test_processor_time_of_the_machine_leaves_out_what_was_idle(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  10 20 30 4000 500 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n")
    assert load.machine_cpu_s(stat) == pytest.approx(81 / os.sysconf("SC_CLK_TCK"))


@pytest.mark.parametrize(
    ("shares", "kept", "calls"),
    [([0.02, 0.5], 0.02, 1), ([0.6, 0.3, 0.01, 0.5], 0.01, 3), ([0.9, 0.4, 0.7, 0.8, 0.6, 0.0], 0.4, 5)],
)
def test_a_load_is_offered_again_while_others_use_the_machine(
    shares: list[float], kept: float, calls: int
) -> None:
    left = iter(shares)

    async def once() -> dict[str, Any]:
        return {"others_share": next(left)}

    assert asyncio.run(load.undisturbed(once)) == {"others_share": kept}
    assert len(list(left)) == len(shares) - calls


def test_an_answer_to_another_clip_is_noticed() -> None:
    sent = [
        load.Sent(0, 0, 0, {"speech": 0.2}),
        load.Sent(0, 0, 0, {"speech": 0.2}),
        load.Sent(0, 0, 0, None),
    ]
    assert load.wrong_answers(sent, [0.2, 0.7]) == 1


# ---------------------------------------------------------------- the values


def seen(latency_s: Sequence[float | None], batch: int = 2, step_ms: float = 6.0) -> dict[str, Any]:
    """What the client says of requests due every 10 ms."""
    due = [0.01 * number for number in range(1, len(latency_s) + 1)]
    sent = [
        [at, at + 0.001] + ([at + took, batch, step_ms] if took is not None else [at + 1])
        for at, took in zip(due, latency_s, strict=True)
    ]
    return {"cpu_s": 0.004 * len(latency_s), "others_share": 0.03, "wrong": 0, "sent": sent}


def test_a_point_counts_failed_and_late_requests() -> None:
    found = batching.point(seen([0.02] * 80 + [0.5] * 10 + [None] * 10))
    assert found["offered_per_s"] == pytest.approx(100)
    assert found["throughput_per_s"] == pytest.approx(80)
    assert found["served_per_s"] == pytest.approx(90 / 1.4)
    assert found["in_time"] == pytest.approx(80)
    assert found["failed"] == pytest.approx(10)
    assert found["p50_ms"] == pytest.approx(20)
    assert found["p99_ms"] == pytest.approx(500)
    assert found["batch_mean"] == pytest.approx(2)
    assert found["model_ms"] == pytest.approx(3)
    assert found["server_ms"] == pytest.approx(4)
    assert found["client_late_p99_ms"] == pytest.approx(1)
    assert found["others_cpu"] == pytest.approx(3)
    assert set(found) == set(batching.UNITS)


def test_batches_are_counted_once_each() -> None:
    mixed = seen([0.02] * 10)
    for one in mixed["sent"][:8]:
        one[3] = 8
    for one in mixed["sent"][8:]:
        one[3] = 1
    assert batching.point(mixed)["batch_mean"] == pytest.approx(10 / 3)


def test_no_answer_at_all_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="answered no request"):
        batching.point(seen([None] * 5))


def one_pass(shift: float = 0.0) -> dict[str, Any]:
    points = {
        str(per_s): dict.fromkeys(batching.UNITS, 1.0)
        | {"throughput_per_s": rate + shift, "in_time": in_time, "p50_ms": 7 + shift}
        for per_s, rate, in_time in ((25, 25, 100.0), (100, 99, 99.5), (200, 150, 20.0), (300, 140, 99.9))
    }
    return {"neighbors_failed": 0.0, "points": points}


def test_a_summary_stops_at_the_first_load_that_is_late() -> None:
    found = batching.summary([one_pass(), one_pass(1), one_pass(2)], (25, 100, 200, 300))
    assert found["peak_per_s"]["median"] == 151
    assert (found["peak_per_s"]["low"], found["peak_per_s"]["high"]) == (150, 152)
    assert found["in_time_to_per_s"]["value"] == 100
    assert found["lone_p50_ms"]["median"] == 8


def test_each_load_and_each_pass_has_arrivals_of_its_own_that_anyone_can_draw() -> None:
    one = batching.phase(400, 0)
    assert one == {"per_s": 400, "requests": 1_000, "seed": [batching.SEED, 400, 0]}
    assert batching.phase(25, 0)["requests"] == batching.LEAST_REQUESTS
    seeds = {tuple(batching.phase(per_s, number)["seed"]) for per_s in (100, 200) for number in range(3)}
    assert len(seeds) == 6


class Kept:
    """A session that computes nothing: it knows the result of every step."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def step(self, key: str, compute: Any, *, timed: bool = False) -> Any:
        assert timed
        self.keys.append(key)
        if key.startswith("model"):
            return {str(size): 1.0 + size for size in batching.SIZES}
        kind = key.partition("-")[0]
        loads = batching.LOADS_PER_S.get(kind, batching.DIAL_LOADS_PER_S)
        points = {str(per_s): dict.fromkeys(batching.UNITS, 1.0) for per_s in loads}
        return {"neighbors_failed": 0.0, "points": points}

    def part(self, name: str, find: Any) -> bool:
        return True


def test_the_record_is_whole_and_of_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "require", lambda *modules: True)
    monkeypatch.setattr(batching, "cores", lambda: (0, 1))
    monkeypatch.setattr(batching, "alone", lambda: [0.5])
    session = Kept()
    outcome = batching.run(session)  # type: ignore[arg-type]
    assert len(session.keys) == len(set(session.keys))
    assert list(outcome.values)[:5] == [*servers.KINDS, "model"]
    assert "batcher-1000" in outcome.values
    assert "batcher-size64-wait20-600" in outcome.values
    machine = {"cpu": "any", "cores": 2, "memory_gib": 1, "system": "any", "load_before": 0}
    check(
        {
            "name": "batching",
            "title": batching.LAB.title,
            "what": outcome.what,
            "date": "2026-01-01",
            "command": "./just lab batching",
            "seed": outcome.seed,
            "duration_s": 1.0,
            "machine": machine,
            "versions": outcome.versions,
            "sha256": outcome.sha256,
            "notes": list(outcome.notes),
            "values": outcome.values,
        }
    )


# ---------------------------------------------------------------- the record


def measured(key: str) -> float:
    return result("batching")[key].value


@pytest.mark.parametrize("per_s", [300, 400, 500, 600, 700, 800])
def test_what_was_measured_is_what_the_simulator_predicts(per_s: int) -> None:
    """The batcher on the same arrivals, with the measured step times and, for each request of a step, what
    the interface takes from the same core: all processor time of the servers less the model's."""
    recorded = [measured(f"model.step_{size}_ms") for size in batching.SIZES]
    steps_ms = np.interp(np.arange(1, batching.SIZE + 1), batching.SIZES, recorded)
    interface_ms = measured("batcher-700.server_ms") - measured("batcher-700.model_ms")
    steps_s = (steps_ms + interface_ms * np.arange(1, batching.SIZE + 1)) / 1000
    p50_ms, size = [], []
    for number in range(batching.PASSES):
        phase = batching.phase(per_s, number)
        due = queuesim.poisson_times_s(np.random.default_rng(phase["seed"]), per_s, phase["requests"])
        predicted = simulator.simulate(due, steps_s, batching.WAIT_MS / 1000)
        p50_ms.append(1000 * float(np.median(predicted.delay_s)))
        size.append(float(predicted.size.mean()))
    assert measured(f"batcher-{per_s}.p50_ms") == pytest.approx(np.median(p50_ms), rel=0.2)
    assert measured(f"batcher-{per_s}.batch_mean") == pytest.approx(np.median(size), rel=0.1)
    assert measured("batcher-1000.served_per_s") == pytest.approx(simulator.capacity_per_s(steps_s), rel=0.05)
