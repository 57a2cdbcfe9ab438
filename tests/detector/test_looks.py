import itertools

import numpy as np

from detector.watching.looks import MEMORY_S, RECENT_S, SPARSE_S, Look, LookMemory

LUMA = np.zeros((2, 2), np.uint8)


def filled(until_s: float, every_s: float) -> LookMemory:
    memory = LookMemory()
    for number in range(round(until_s / every_s) + 1):
        memory.add(Look(number * every_s, LUMA))
    return memory


def times_s(memory: LookMemory, before_s: float = float("inf")) -> list[float]:
    return [look.time_s for look in memory.backwards(before_s)]


def test_recent_looks_are_all_kept_newest_first() -> None:
    # A look every 2 s, 0…20 s: none is older than RECENT_S = 20 s.
    assert times_s(filled(20, 2)) == [20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0]


def test_older_looks_are_thinned_to_one_in_10_s() -> None:
    held = times_s(filled(100, 2))
    recent = [time_s for time_s in held if time_s >= 100 - RECENT_S]
    older = [time_s for time_s in held if time_s < 100 - RECENT_S]
    assert recent == list(range(100, 79, -2))
    # 0…78 s, one in 10 s: 0, 10, …, 70.
    assert older == [70, 60, 50, 40, 30, 20, 10, 0]
    assert all(a - b >= SPARSE_S for a, b in itertools.pairwise(older))


def test_the_very_first_look_is_kept_for_ever_and_comes_last() -> None:
    memory = filled(1000, 2)
    held = times_s(memory)
    assert held[-1] == 0
    assert held[-2] >= 1000 - MEMORY_S
    assert memory.first is not None
    assert memory.first.time_s == 0
    assert held.count(0) == 1


def test_before_is_strict_and_holds_for_the_first_look_too() -> None:
    memory = filled(10, 2)
    assert times_s(memory, 6) == [4, 2, 0]
    assert times_s(memory, 0) == []
    assert times_s(LookMemory()) == []


def test_after_a_gap_only_the_first_and_the_newest_are_left() -> None:
    memory = filled(10, 2)
    memory.add(Look(500, LUMA))
    assert times_s(memory) == [500, 0]


def test_patrol_memory_is_bounded_over_10_000_looks() -> None:
    memory = LookMemory()
    most = 0
    for number in range(10_000):
        memory.add(Look(number * 2.0, LUMA))
        most = max(most, len(memory))
    # 20 s / 2 s + 1 = 11 recent ones, and (120 - 20) / 10 = 10 older ones.
    assert most <= 11 + 10 + 1


def test_memory_is_bounded_at_full_rate_too() -> None:
    memory = filled(60, 1 / 25)
    # A look in half a second is more than any arrival needs: 20 / 0.5 + 10 + first and newest.
    assert len(memory) <= 52
