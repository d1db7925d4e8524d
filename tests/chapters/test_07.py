"""Chapter 7: the exercises' solutions, and the findings that its prose states in words."""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from .cells import run_cells


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    return run_cells("07-streaming-inference-pipelines")


# ---------------------------------------------------------------- the worker's listing


def run_worker(
    page: dict[str, Any], model: Callable[[Any], Any], bound: int, session: Callable[[Any], Awaitable[Any]]
) -> Any:
    """Run `session(worker)` beside the loop of a worker of the page's class."""

    async def both() -> Any:
        worker = page["Worker"](model, bound)
        loop = asyncio.create_task(worker.work())
        try:
            return await asyncio.wait_for(session(worker), 10)
        finally:
            loop.cancel()

    return asyncio.run(both())


def soon() -> float:
    return time.monotonic() + 60


def test_a_full_queue_is_heard_of_at_once(page: dict[str, Any]) -> None:
    async def session(worker: Any) -> Any:
        asked = [asyncio.create_task(worker.result(n, soon())) for n in range(4)]
        return await asyncio.gather(*asked, return_exceptions=True)

    served = run_worker(page, str, 2, session)
    assert served[:2] == ["0", "1"]
    assert all(isinstance(error, asyncio.QueueFull) for error in served[2:])


def test_a_canceled_chunk_never_reaches_the_model(page: dict[str, Any]) -> None:
    seen: list[int] = []
    gate = threading.Event()

    def model(chunk: int) -> int:
        gate.wait(10)
        seen.append(chunk)
        return chunk

    async def session(worker: Any) -> Any:
        asked = [asyncio.create_task(worker.result(n, soon())) for n in range(3)]
        await asyncio.sleep(0.05)  # the first is in the model, the others wait
        asked[1].cancel()
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    served = run_worker(page, model, 8, session)
    assert served[0] == 0
    assert isinstance(served[1], asyncio.CancelledError)
    assert served[2] == 2
    assert seen == [0, 2]


def test_a_late_chunk_and_a_failing_one_hurt_nobody_else(page: dict[str, Any]) -> None:
    async def session(worker: Any) -> Any:
        begin_by = (soon(), time.monotonic() - 1, soon(), soon())
        asked = [worker.result(n, due) for n, due in enumerate(begin_by)]
        return await asyncio.gather(*asked, return_exceptions=True)

    served = run_worker(page, lambda chunk: 1 / (chunk - 2), 8, session)
    assert served[0] == -0.5
    assert isinstance(served[1], TimeoutError)
    assert isinstance(served[2], ZeroDivisionError)
    assert served[3] == 1


def test_the_model_runs_in_its_sessions_context(page: dict[str, Any]) -> None:
    caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller")

    async def session(worker: Any) -> Any:
        async def one(name: str) -> Any:
            caller.set(name)
            return await worker.result(name, soon())

        return await asyncio.gather(one("ann"), one("bob"))

    assert run_worker(page, lambda chunk: (chunk, caller.get()), 8, session) == [
        ("ann", "ann"),
        ("bob", "bob"),
    ]


def test_spans_of_the_model_have_the_sessions_span_as_parent(page: dict[str, Any]) -> None:
    tracer = TracerProvider().get_tracer("test")

    def model(_chunk: int) -> Any:
        with tracer.start_as_current_span("step") as span:
            return span

    async def session(worker: Any) -> Any:
        async def one() -> tuple[Any, Any]:
            with tracer.start_as_current_span("chunk") as parent:
                return parent, await worker.result(0, soon())

        return await asyncio.gather(one(), one())

    for parent, step in run_worker(page, model, 8, session):
        assert step.parent.span_id == parent.get_span_context().span_id


# ---------------------------------------------------------------- exercises


def test_solution_of_the_limit_exercise(page: dict[str, Any]) -> None:
    assert page["roomy"] == 2 * page["tight"] > 0
    assert 1.5 * page["batching"].cycle_ms(page["roomy"], 320) <= 46
    assert 1.5 * page["batching"].cycle_ms(page["roomy"] + 1, 320) > 46


def test_solution_of_the_agreement_exercise(page: dict[str, Any]) -> None:
    assert page["ruled"] == [[], ["the"], ["the", "full", "moon"], ["the", "full", "moon", "is"]]


def test_solution_of_the_heard_exercise(page: dict[str, Any]) -> None:
    assert page["heard_text"](page["said"], 2150) == "Your flight is on time. It leaves"
    assert page["heard_text"](page["said"], 0) == ""
    assert page["heard_text"](page["said"], 9_999).endswith("gate twelve.")


# ---------------------------------------------------------------- findings of the prose


def test_live_streams_follow_the_closed_form_and_random_ones_do_not(page: dict[str, Any]) -> None:
    for streams in range(2, 16):
        assert page["live_p99"][streams] == pytest.approx(page["theory_p99"][streams], rel=0.05)
    assert page["web_p99"][14] > 3 * page["live_p99"][14]
    # M/D/1's tail at 14 streams: 20 ms more for each factor of exp(0.262)
    assert page["web_p99"][14] == pytest.approx(365, rel=0.04)
    assert page["web_p99"][8] < 100 < page["web_p99"][9] * 1.01


def test_the_smallest_run_is_one_of_those_in_the_figure(page: dict[str, Any]) -> None:
    """One draw of phases among those whose p99 the figure pools."""
    served = page["served"]
    assert served.chunks.arrival_ms.size == 14 * math.ceil(60_000 / 320)
    assert served.delay_ms.mean() == pytest.approx(page["live_mean"], rel=0.25)
    assert served.percentile_ms(99) == pytest.approx(page["live_p99"][14], rel=0.4)


def test_what_the_opening_says_of_fifteen_and_sixteen(page: dict[str, Any]) -> None:
    assert page["within"](page["live_p99"]) == page["within"](page["theory_p99"]) == 15
    assert page["within"](page["uneven_p99"]) == 13
    assert page["within"](page["web_p99"]) == 11
    assert page["full_p99"][10] < page["TARGET_MS"] < page["full_p99"][1_000]


def test_the_table_of_targets_agrees_with_the_figures(page: dict[str, Any]) -> None:
    for target, one, many in zip(page["TARGETS_MS"], *page["fit"].values(), strict=True):
        assert page["theory_p99"][one] <= target
        assert one == 15 or page["theory_p99"][one + 1] > target
        assert page["batch_p99"][many] <= target
        assert many == math.floor(page["batch_limit"]) or page["batch_p99"][many + 1] > target


def test_a_measured_recognizer_carries_three_streams_and_few_more_with_longer_chunks(
    page: dict[str, Any],
) -> None:
    """Also that a log-normal law through the recorded p50 and p99 has about the recorded mean."""
    sized, places = page["sized"], page["places"]
    assert sized[320][3] < 300 < 320 < sized[320][4]
    assert places[320] == 3
    assert 3 < places[640] <= places[1280] < 2 * places[320] < 7 < page["carried"][640]
    assert sized[1280][1] > 180
    for size in (320, 640):
        assert page["update"](size).mean == pytest.approx(page["step_of"][size], rel=0.05)


def test_the_shared_core_delays_the_final_text(page: dict[str, Any]) -> None:
    load = 3 / page["carried"][320]
    assert 0.5 < load < 0.7
    assert 0 < page["behind"][50] < page["behind"][99] < 1_000


def test_the_laws_hold_where_they_are_used(page: dict[str, Any]) -> None:
    assert page["counted"] == pytest.approx(page["by_law"], rel=0.005)
    assert page["simulated"] == pytest.approx(page["together"], rel=0.15)
    assert page["web_mean"] == pytest.approx(page["md1_mean"], rel=0.1)
    assert page["live_mean"] < page["md1_mean"] / 1.8


def test_the_median_follows_the_hyperbola(page: dict[str, Any]) -> None:
    for streams in (24, 32, 40, 48, 54, 58, 62, 64, 66):
        assert page["batch_p50"][streams] == pytest.approx(1.5 * page["cycle"][streams], rel=0.15)


def test_deadlines_buy_something_only_under_their_conditions(page: dict[str, Any]) -> None:
    mixed, at, over = page["mixed"], page["at"], page["at"][page["OVER"]]
    assert page["equal_gap"] == 0
    assert mixed["deadline"][at[0.9375]] < mixed["first come"][at[0.9375]] / 4
    assert mixed["deadline"][over] > 0.9
    assert mixed["first come"][over] > 0.9
    won = mixed["first come"][over] - mixed["deadline, skip"][over]
    assert mixed["first come"][over] - mixed["first come, skip"][over] > 0.9 * won
    assert mixed["deadline, skip"][over] == pytest.approx(1 - 1 / page["OVER"], abs=0.01)


def test_the_unit_of_goodput_turns_the_order_round(page: dict[str, Any]) -> None:
    half = page["half"]
    drop, refuse = page["overload"]["drop chunks"][half], page["overload"]["refuse streams"][half]
    assert drop[0] > refuse[0] == pytest.approx(15 / 24)
    assert drop[1] < 0.1 < refuse[1] == pytest.approx(15 / 24)
    assert page["still"][1] == pytest.approx(2 / 3, abs=0.01)  # without jitter it is the same third each time


def test_merging_loses_nothing_and_stays_half_a_second_late(page: dict[str, Any]) -> None:
    _, whole, lost, late = page["overload"]["merge updates"][page["half"]]
    assert whole == lost == 0
    assert late <= 24 * 20 + 20
    assert page["overload"]["let the queue grow"][page["half"]][3] > 20 * late


def test_a_cheaper_model_by_stream_has_a_wall_of_its_own(page: dict[str, Any]) -> None:
    rows = page["overload"]["cheaper model"]
    assert rows[page["half"]][:2] == (1, 1)
    assert rows[-1][1] == pytest.approx(25 / 32)
    full, cheap = page["FULL"], page["CHEAP"]
    assert full * 20 + cheap * page["CHEAP_MS"] <= 320 - 20 < full * 20 + (cheap + 1) * page["CHEAP_MS"]


def test_overlap_comes_sooner_and_what_was_heard_is_least(page: dict[str, Any]) -> None:
    first = [page[name].first_word_ms for name in ("by_clause", "by_sentence", "one_after_another")]
    assert first == sorted(first)
    assert 0 < page["cut"].heard < page["cut"].spoken < page["cut"].written < 36
    done = page["by_clause"].ready_ms[-1]
    assert 200 < done - page["CUT_MS"] < 400
    later = page["by_clause"].interrupted(done)
    assert later.spoken == later.written == 36


def test_the_slider_and_the_reply_agree_where_they_are_the_same(page: dict[str, Any]) -> None:
    assert "No silence" in page["grid"][0, 1, 1][1]
    assert max(page["by_clause"].gaps_ms) < 1
    # at 75 ms a word three words do not last until the next segment is there
    assert {place[:2] for place, (_, says) in page["grid"].items() if "No silence" not in says} == {(0, 3)}


def test_every_recognizer_takes_back_about_a_word_for_each_it_keeps(page: dict[str, Any]) -> None:
    live = page["live"]
    for name in page["NAMES"]:
        assert 0.9 < live[f"{name}.erasure"].value < 1.3
        assert live[f"{name}.erasure"].low < live["pocketsphinx.erasure"].high
        assert live[f"{name}.erasure"].high > live["pocketsphinx.erasure"].low
    assert live["pocketsphinx.wer_live"].value > 5 * live["moonshine.wer_live"].value


def test_one_doubtful_word_holds_up_the_sentence(page: dict[str, Any]) -> None:
    sentence = page["listened"]["moonshine"]
    assert page["shown"]["moonshine"][-1] == sentence["transcript"].split()
    since = page["partials"].settled(page["shown"]["moonshine"])
    fifth_ends, sixth_ends = sentence["word_ends_ms"][4:6]
    assert {sentence["heard_ms"][place] for place in since[:5]} == {1920}
    assert fifth_ends < 1920 < sixth_ends
    assert page["listened"]["whisper"]["texts"][0] == "Okay."


def test_agreement_is_sooner_than_two_words_held_back_at_the_median(page: dict[str, Any]) -> None:
    live = page["live"]
    for name in page["NAMES"]:
        agree, hold = f"{name}-agree-2", f"{name}-hold-2"
        assert live[f"{agree}.word_delay_ms_p50"].value < live[f"{hold}.word_delay_ms_p50"].value
        if name == "pocketsphinx":
            assert live[f"{agree}.erasure"].value == pytest.approx(live[f"{hold}.erasure"].value, abs=0.02)
        else:
            assert live[f"{agree}.erasure"].value < 0.7 * live[f"{hold}.erasure"].value
            assert live[f"{agree}.word_delay_ms_p90"].value > live[f"{hold}.word_delay_ms_p90"].value
        promised = live[f"{name}-commit-2.wer_live"]
        assert promised.value > live[f"{name}.wer_live"].value
        assert promised.low < live[f"{name}.wer_live"].high
        assert (
            live[f"{name}-commit-2.word_delay_ms_p50"].value < live[f"{name}-agree-2.word_delay_ms_p50"].value
        )
    assert [round(page["promised"](name)) for name in ("moonshine", "whisper")] == [7, 9]


def test_the_chunk_costs_computing_and_delay_but_no_words(page: dict[str, Any]) -> None:
    by_chunk, sizes = page["by_chunk"], page["SIZES"]
    assert len({by_chunk[f"moonshine-{size}.wer"].value for size in sizes}) == 1
    sphinx = [by_chunk[f"pocketsphinx-{size}.rtf"].value for size in sizes]
    assert max(sphinx) < 1.15 * min(sphinx)
    every = [by_chunk[f"pocketsphinx-{size}.wer"] for size in sizes]
    assert max(one.low for one in every) < min(one.value for one in every)
    assert by_chunk["moonshine-alone-320.wer"].value > 100
    finer, coarser = by_chunk["moonshine-160.word_delay_ms_p50"], by_chunk["moonshine-320.word_delay_ms_p50"]
    assert finer.low < coarser.value < finer.high  # the last halving buys nothing that can be seen
    assert page["paid"](320, 160) > page["paid"](640, 320)


def test_whisper_does_not_keep_up_live(page: dict[str, Any]) -> None:
    needs = page["live"]["whisper.rtf_streaming"]
    assert needs.low < 1 < needs.value
    assert page["again"] > 10


def test_half_of_the_wait_lies_before_the_reply(page: dict[str, Any]) -> None:
    assert sum(page["parts"]) == pytest.approx(page["first_word"])
    assert page["seen"] == pytest.approx(page["by_clause"].first_word_ms, rel=0.03)
    assert 0.42 < page["by_hand"] < 0.55
    assert min(page["parts"][0], page["parts"][2]) > 5 * max(
        page["parts"][1], page["parts"][3], page["parts"][4]
    )
    assert page["piper"].synthesis_ms(3) > page["turn"]["live-voice-1.length_ms"].value
    assert page["turn"]["live.saved_ms"].low < 0 < page["turn"]["live.saved_ms"].value
    assert page["turn"]["early.requests"].value == 1
    assert page["turn"]["early.saved_ms"].value >= page["turn"]["live.saved_ms"].value
