"""Programmes that follow each other: which streams go on under which number."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.media.transport.packets import NO_PROGRAMME
from tasks.media.transport.renamings import SeenMap, find_renamings, renumbered
from tasks.media.transport.tables import Kind, Programme

VIDEO, OTHER_VIDEO, SOUND, OTHER_SOUND = (0x1B,), (0x02,), (0x03,), (0x0F,)


def seen(first: int, last: int, kinds: dict[int, tuple[int, ...]], *, number: int = 1, pid: int = 0x1000) -> SeenMap:
    return SeenMap(pid=pid, programme=Programme(number=number, kinds=kinds), first=first, last=last)


def media(**streams: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Each stream, by its number in hexadecimal behind an x, with something at every place from one to another."""
    told = [(place, int(name[1:], 16)) for name, (first, last) in streams.items() for place in range(first, last, 5)]
    return np.array([place for place, _ in told]), np.array([pid for _, pid in told])


def one_after_the_other(*parts: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    places, pids = (np.concatenate(each) for each in zip(*parts, strict=True))
    return places, pids


ONE = seen(0, 100, {1: VIDEO, 2: SOUND})


@pytest.mark.parametrize(
    ("later", "streams", "renamed"),
    [
        (seen(110, 200, {3: VIDEO, 4: SOUND}), {"x3": (111, 200), "x4": (112, 200)}, {3: 1, 4: 2}),
        (seen(110, 200, {1: VIDEO, 4: SOUND}), {"x1": (111, 200), "x4": (112, 200)}, {1: 1, 4: 2}),
        (seen(110, 200, {2: VIDEO, 1: SOUND, 3: SOUND}), {"x2": (111, 200), "x3": (111, 200)}, {2: 1, 1: 2}),
        (seen(110, 200, {3: OTHER_VIDEO, 4: SOUND}), {"x3": (111, 200), "x4": (112, 200)}, {4: 2}),
        (seen(110, 200, {3: VIDEO, 4: SOUND}, number=7), {"x3": (111, 200), "x4": (112, 200)}, {3: 1, 4: 2}),
        # A track more, even if it is named first; and a programme beside the first.
        (seen(110, 200, {1: VIDEO, 5: SOUND, 2: SOUND}), {"x1": (111, 200), "x5": (111, 200)}, None),
        (seen(50, 200, {3: VIDEO, 4: SOUND}, number=2), {"x3": (51, 200), "x4": (51, 200)}, None),
        (seen(110, 200, {3: VIDEO, 4: SOUND}), {"x1": (101, 200), "x3": (111, 200)}, None),
    ],
)
def test_streams_of_the_same_kind_go_on(
    later: SeenMap, streams: dict[str, tuple[int, int]], renamed: dict[int, int] | None
) -> None:
    begun, follow = media(x1=(1, 100), x2=(1, 100)), media(**streams)
    places, pids = one_after_the_other(begun, follow)
    found = find_renamings([ONE, later], places, pids)
    assert [each.renamed for each in found] == ([] if renamed is None else [renamed])


def test_a_third_recording_goes_on_as_the_first() -> None:
    second, third = seen(110, 200, {3: VIDEO, 4: SOUND}), seen(210, 300, {5: VIDEO, 6: SOUND})
    places, pids = media(x1=(1, 100), x2=(1, 100), x3=(111, 200), x4=(111, 200), x5=(211, 300), x6=(211, 300))
    found = find_renamings([ONE, second, third], places, pids)
    assert [each.renamed for each in found] == [{3: 1, 4: 2}, {5: 1, 6: 2}]


@pytest.mark.parametrize("foreign", [1, 5])
def test_sound_that_cannot_go_on_does_not_get_in_among_what_does(foreign: int) -> None:
    with_a_track_more = seen(101, 109, {1: VIDEO, 2: SOUND, 5: SOUND})
    later = seen(110, 200, {3: VIDEO, foreign: OTHER_SOUND})
    begun = media(x1=(1, 109), x2=(1, 109), x5=(102, 109))
    follow = media(x3=(111, 200), **{f"x{foreign}": (112, 200)})
    places, pids = one_after_the_other(begun, follow)
    found = find_renamings([ONE, with_a_track_more, later], places, pids)
    made = renumbered(pids, places, found)
    (apart,) = set(made[(pids == foreign) & (places > 110)])
    assert apart not in {1, 2, 3, 5, NO_PROGRAMME}
    assert set(made[pids == 3]) == {1}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        pytest.param((0x81,), (0x87,), id="AC-3, E-AC-3"),
        pytest.param((6, 0x6A), (6, 0x05, 0x6A), id="a descriptor more"),
        pytest.param((0x03,), (0x04,), id="MPEG-1 and -2"),
        pytest.param((6, 0x56), (6, 0x56, 0x59), id="teletext with subtitles"),
    ],
)
def test_what_keeps_its_codec_goes_on_beside_sound_that_does_not(earlier: Kind, later: Kind) -> None:
    first = seen(0, 100, {1: VIDEO, 2: SOUND, 4: earlier})
    second = seen(110, 200, {1: VIDEO, 2: OTHER_SOUND, 4: later})
    places, pids = media(x1=(1, 200), x2=(1, 200), x4=(1, 200))
    found = find_renamings([first, second], places, pids)
    made = renumbered(pids, places, found)
    assert set(made[pids == 4]) == {4}
    assert set(made[pids == 1]) == {1}
    assert set(made[(pids == 2) & (places > 110)]).isdisjoint({1, 2, 4, NO_PROGRAMME})


def test_sound_that_is_set_apart_gets_a_number_of_its_own() -> None:
    first = seen(0, 100, {1: VIDEO, 2: SOUND, 3: SOUND})
    second = seen(110, 200, {1: VIDEO, 2: OTHER_SOUND, 3: SOUND})
    third = seen(210, 300, {1: VIDEO, 2: OTHER_SOUND, 3: OTHER_SOUND, NO_PROGRAMME - 1: (6, 0x6A)})
    places, pids = media(x1=(1, 300), x2=(1, 300), x3=(1, 300))
    made = renumbered(pids, places, find_renamings([first, second, third], places, pids))
    apart = [set(made[(pids == pid) & (places > 210)]) for pid in (2, 3)]
    assert apart[0].isdisjoint(apart[1])
    assert NO_PROGRAMME - 1 not in apart[0] | apart[1]


def test_pictures_of_another_codec_under_the_same_number_are_set_apart() -> None:
    later = seen(110, 200, {1: OTHER_VIDEO, 2: SOUND})
    places, pids = media(x1=(1, 200), x2=(1, 200))
    (found,) = find_renamings([ONE, later], places, pids)
    assert found.place == 110
    assert found.renamed[2] == 2
    assert found.renamed[1] not in {1, 2, NO_PROGRAMME}
    # MPEG-1 and -2 are decoded by the same.
    old, new = seen(0, 100, {1: (0x01,), 2: SOUND}), seen(110, 200, {1: (0x02,), 2: SOUND})
    assert not find_renamings([old, new], places, pids)


def test_a_picture_that_comes_later_is_not_lost() -> None:
    only_sound = seen(0, 100, {2: SOUND})
    places, pids = media(x2=(1, 100), x3=(111, 200), x4=(111, 200))
    assert not find_renamings([only_sound, seen(110, 200, {3: VIDEO, 4: SOUND})], places, pids)


def test_programmes_beside_each_other_each_go_on() -> None:
    other = seen(1, 99, {11: VIDEO, 12: SOUND}, number=2, pid=0x1001)
    later = seen(110, 200, {21: VIDEO, 22: SOUND})
    later_other = seen(111, 199, {31: VIDEO, 32: SOUND}, number=2, pid=0x1001)
    begun = media(x1=(1, 100), x2=(1, 100), xb=(1, 100), xc=(1, 100))
    follow = media(x15=(112, 200), x16=(112, 200), x1f=(112, 200), x20=(112, 200))
    places, pids = one_after_the_other(begun, follow)
    made = renumbered(pids, places, find_renamings([ONE, other, later, later_other], places, pids))
    assert list(made[places > 105]) == [{21: 1, 22: 2, 31: 11, 32: 12}[pid] for pid in pids[places > 105]]
    assert list(made[places < 105]) == list(pids[places < 105])


def test_what_was_away_for_a_while_goes_on_as_itself() -> None:
    # A player that fell back to sound alone, and came back; the sound had the picture's number.
    only_sound, again = seen(110, 200, {1: SOUND}), seen(210, 300, {1: VIDEO, 2: SOUND})
    places, pids = one_after_the_other(media(x1=(1, 300), x2=(1, 100)), media(x2=(211, 300)))
    made = renumbered(pids, places, find_renamings([ONE, only_sound, again], places, pids))
    assert set(made[(pids == 1) & (places > 110) & (places < 200)]) == {2}
    assert list(made[places > 210]) == list(pids[places > 210])


@pytest.mark.parametrize("sound", [2, 1])
def test_a_picture_behind_sound_that_could_not_go_on_does(sound: int) -> None:
    between, again = seen(110, 200, {sound: OTHER_SOUND}), seen(210, 300, {1: VIDEO, 2: SOUND})
    places, pids = one_after_the_other(
        media(**{"x1": (1, 100), "x2": (1, 100), f"x{sound}": (1, 200)}), media(x1=(211, 300), x2=(211, 300))
    )
    made = renumbered(pids, places, find_renamings([ONE, between, again], places, pids))
    assert list(made[places > 210]) == list(pids[places > 210])


def test_pictures_of_another_codec_are_set_apart_behind_sound_alone_as_well() -> None:
    only_sound, other = seen(110, 200, {2: SOUND}), seen(210, 300, {1: OTHER_VIDEO, 2: SOUND})
    places, pids = one_after_the_other(media(x1=(1, 100), x2=(1, 300)), media(x1=(211, 300)))
    made = renumbered(pids, places, find_renamings([ONE, only_sound, other], places, pids))
    assert not set(made[(pids == 1) & (places > 210)]) & {1, 2, NO_PROGRAMME}
    assert list(made[pids == 2]) == [2] * len(pids[pids == 2])


@pytest.mark.parametrize("number", [1, 7])
def test_a_recording_behind_one_of_another_codec_goes_on_as_the_first(number: int) -> None:
    advert = seen(110, 200, {1: OTHER_VIDEO, 2: SOUND}, number=number)
    again = seen(210, 300, {1: VIDEO, 2: SOUND})
    places, pids = media(x1=(1, 300), x2=(1, 300))
    made = renumbered(pids, places, find_renamings([ONE, advert, again], places, pids))
    assert not set(made[(pids == 1) & (places > 110) & (places < 200)]) & {1, 2}
    assert list(made[places > 210]) == list(pids[places > 210])


def test_numbers_that_were_swapped_in_between_are_swapped_no_longer_than_that() -> None:
    swapped, again = seen(110, 200, {1: SOUND, 2: VIDEO}, number=7), seen(210, 300, {1: VIDEO, 2: SOUND})
    places, pids = media(x1=(1, 300), x2=(1, 300))
    made = renumbered(pids, places, find_renamings([ONE, swapped, again], places, pids))
    between, around = (places > 110) & (places < 200), (places < 100) | (places > 210)
    assert list(made[between]) == [{1: 2, 2: 1}[pid] for pid in pids[between]]
    assert list(made[around]) == list(pids[around])


def test_a_map_that_comes_a_little_before_what_it_tells_of_is_that_of_what_follows() -> None:
    first, later = seen(0, 65, {1: VIDEO, 2: SOUND}), seen(70, 200, {3: VIDEO, 4: SOUND})
    # The sound changes over behind the picture, as it lies there.
    begun, follow = media(x1=(1, 90), x2=(1, 140)), media(x3=(92, 200), x4=(142, 200))
    places, pids = one_after_the_other(begun, follow)
    (found,) = find_renamings([first, later], places, pids)
    assert found.renamed == {3: 1, 4: 2}


def test_lists_of_maps_are_left_out_from_the_last_map_of_the_first_recording_on() -> None:
    later = seen(110, 200, {3: VIDEO, 4: SOUND})
    begun, follow = media(x0=(91, 200), x1=(1, 100), x2=(1, 100)), media(x3=(111, 200), x4=(111, 200))
    places, pids = one_after_the_other(begun, follow)
    made = renumbered(pids, places, find_renamings([ONE, later], places, pids))
    assert set(made[(pids == 0) & (places > 100)]) == {NO_PROGRAMME}
    assert set(made[(pids == 0) & (places <= 100)]) == {0}
