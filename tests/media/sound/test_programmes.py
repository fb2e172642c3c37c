"""Which tracks are heard together, and how they become stereo."""

from __future__ import annotations

from dataclasses import replace

import ffmpeg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media.ladder import AudioRung
from tasks.media.language import language_name, language_tag
from tasks.media.sound.mix import mixed
from tasks.media.sound.programmes import Programme, candidates, published
from tasks.media.source import AudioStream, Source
from tests.media.test_ladder import VIDEO

RUNG = AudioRung(bitrate_bps=128_000)


def track(index: int, channels: int = 1, language: str | None = None, **facts: object) -> AudioStream:
    return AudioStream(
        index=index,
        codec="pcm_s16le",
        channels=channels,
        sample_rate=48000,
        language=language,
        **facts,
    )


def labelled(*channels: str, first: int = 1, **facts: object) -> list[AudioStream]:
    """Tracks that say which channels they hold; of "" nobody knows."""
    return [
        track(
            index, told.count("+") + 1, layout=f"{told.count('+') + 1} channels ({told})" if told else "mono", **facts
        )
        for index, told in enumerate(channels, start=first)
    ]


def source(*tracks: AudioStream) -> Source:
    return Source(container="mxf", duration_s=10.0, video=VIDEO, audio=tracks)


def indexes(programmes: tuple[Programme, ...]) -> list[list[int]]:
    return [[each.index for each in programme.tracks] for programme in programmes]


def graph(programme: Programme) -> str:
    arguments = ffmpeg.output(mixed(ffmpeg.input("source"), programme, RUNG), "o").get_args()
    return str(arguments[arguments.index("-filter_complex") + 1])


@pytest.mark.parametrize(
    ("tracks", "programmes"),
    [
        ([], []),
        ([track(1, 2)], [[1]]),
        ([track(1)], [[1]]),
        ([track(1), track(2), track(3), track(4)], [[1, 2], [3, 4]]),
        ([track(1), track(2), track(3)], [[1, 2], [3]]),
        ([track(1, 2), track(2), track(3)], [[1], [2, 3]]),
        ([track(1), track(2, 2), track(3)], [[1], [2], [3]]),
        ([track(1, language="vie"), track(2, language="eng")], [[1], [2]]),
        ([track(1, language="vie"), track(2, language="vie")], [[1, 2]]),
        ([track(1), replace(track(2), codec="ac3"), track(3), track(4)], [[1], [2], [3, 4]]),
        ([track(1, 2, is_aside=True), track(2, 2)], [[2], [1]]),
        ([track(1, 2), track(2, 2, is_default=True), track(3, 2)], [[2], [1], [3]]),
        ([track(1, 2, is_aside=True, is_default=True), track(2, 2)], [[2], [1]]),
        ([track(1, 8)], [[1]]),
        ([track(number) for number in range(1, 65)], [[number, number + 1] for number in range(1, 32, 2)]),
        (labelled("FL", "FR", "", "LFE", "SL", "SR"), [[1, 2, 3, 4, 5, 6]]),
        (labelled("FL", "", "FR", "BL", "BR", "LFE", "DL", "DR"), [[1, 2, 3, 4, 5, 6], [7, 8]]),
        ([track(9), track(10), *labelled("FL", "FR", "", "SL", "SR")], [[9, 10], [1, 2, 3, 4, 5]]),
        ([track(9), *labelled("FL", "FR", "", "SL", "SR")], [[9], [1, 2, 3, 4, 5]]),
        ([track(1, 2, layout="stereo"), *labelled("", "LFE", "SL+SR", first=2)], [[1, 2, 3, 4]]),
        # Nothing says that the third holds the centre of what is on the first two.
        (labelled("FL", "FR", "", ""), [[1, 2], [3, 4]]),
        ([track(1, 2, layout="stereo"), *labelled("", "", first=2)], [[1], [2, 3]]),
        # No layout has these alone.
        (labelled("FL", "LFE", "SL", "SR"), [[1, 2], [3, 4]]),
        ([*labelled("FL", "FR", "LFE", language="vie"), track(4, language="eng")], [[1, 2, 3], [4]]),
        ([*labelled("FL", "FR"), track(3, layout="1 channels (LFE)", language="eng")], [[1, 2], [3]]),
    ],
)
def test_tracks_are_read_as_broadcasters_lay_them_out(tracks: list[AudioStream], programmes: list[list[int]]) -> None:
    assert indexes(candidates(source(*tracks))) == programmes


def test_of_several_services_only_the_pictures_own_sound_is_taken() -> None:
    both = source(track(1, 2), track(5, 2))
    assert indexes(candidates(replace(both, video=replace(VIDEO, companions=frozenset({4, 5}))))) == [[5]]
    assert indexes(candidates(replace(both, video=replace(VIDEO, companions=frozenset({7}))))) == [[1], [5]]


def test_each_language_is_published_once_and_the_preferred_one_first() -> None:
    tracks = [track(1, 2, "eng"), track(2, 2, "fre"), track(3, 2, "fra"), track(4, 2, "vie"), track(5, 2)]
    made = published(candidates(source(*tracks)), ("vie", "fr"))
    assert [(each.name, each.language, each.tracks[0].index) for each in made] == [
        ("audio", "vi", 4),
        ("audio-2", "fr", 2),
        ("audio-3", "en", 1),
        ("audio-4", None, 5),
    ]
    assert [each.name for each in published(candidates(source(*tracks[:1])), ("vie",))] == ["audio"]


def test_a_pair_of_mono_tracks_is_summed_from_sides_that_start_together() -> None:
    assert graph(Programme(tracks=(track(1), track(2)), gain_db=-3.5)) == (
        "[0:1]aresample=async=1:first_pts=0:min_hard_comp=0.02[s0];[s0]aformat=sample_fmts=fltp:sample_rates=48000[s1];"
        "[s1]pan=stereo|c0<c0[s2];"
        "[0:2]aresample=async=1:first_pts=0:min_hard_comp=0.02[s3];[s3]aformat=sample_fmts=fltp:sample_rates=48000[s4];"
        "[s4]pan=stereo|c1<c0[s5];"
        "[s2][s5]amix=duration=longest:inputs=2:normalize=0[s6];[s6]volume=-3.50dB:precision=float[s7]"
    )


def test_tracks_that_hold_channels_of_one_sound_are_joined_before_they_are_mixed() -> None:
    tracks = (track(1, 2, layout="stereo"), track(2, layout="mono"), track(3, 2, layout="2 channels (SL+SR)"))
    assert graph(Programme(tracks=tracks)).endswith(
        "[s1][s3][s5]join=channel_layout=FL+FR+FC+SL+SR:inputs=3:map=0.0-FL|0.1-FR|1.0-FC|2.0-SL|2.1-SR[s6];"
        "[s6]pan=stereo|FL<1*c0+0.7071*c2+0.7071*c3|FR<1*c1+0.7071*c2+0.7071*c4[s7]"
    )


@pytest.mark.parametrize(
    ("channels", "layout", "pan"),
    [
        (1, "mono", "pan=stereo|c0<c0|c1<c0"),
        (2, "stereo", "aformat=channel_layouts=stereo"),
        (2, "", "aformat=channel_layouts=stereo"),
        (4, "", "pan=stereo|c0<c0|c1<c1"),
        (16, "hexadecagonal", "pan=stereo|c0<c0|c1<c1"),
        (4, "4.0", "pan=stereo|FL<1*FL+0.7071*FC+0.5*BC|FR<1*FR+0.7071*FC+0.5*BC"),
        (6, "5.1(side)", "pan=stereo|FL<1*FL+0.7071*FC+0.7071*SL|FR<1*FR+0.7071*FC+0.7071*SR"),
        (8, "7.1", "pan=stereo|FL<1*FL+0.7071*FC+0.5*BL+0.5*SL|FR<1*FR+0.7071*FC+0.5*BR+0.5*SR"),
        (8, "7.1(wide)", "pan=stereo|FL<1*FL+0.7071*FC+0.7071*BL+0.7071*FLC|FR<1*FR+0.7071*FC+0.7071*BR+0.7071*FRC"),
        (8, "5.1.2", "pan=stereo|FL<1*FL+0.7071*FC+0.5*SL+0.5*TFL|FR<1*FR+0.7071*FC+0.5*SR+0.5*TFR"),
        (3, "3.0(back)", "pan=stereo|FL<1*FL+0.5*BC|FR<1*FR+0.5*BC"),
        (4, "4 channels (FL+FR+FC+BC)", "pan=stereo|FL<1*c0+0.7071*c2+0.5*c3|FR<1*c1+0.7071*c2+0.5*c3"),
        (4, "4 channels (FL+FC+FR+BC)", "pan=stereo|FL<1*c0+0.7071*c1+0.5*c3|FR<1*c2+0.7071*c1+0.5*c3"),
        (4, "4 channels (FL+FC+BL+BC)", "pan=stereo|c0<c0|c1<c1"),
        (4, "4 channels (FL+FR+FL+FR)", "pan=stereo|c0<c0|c1<c1"),
        (4, "4 channels (UNSD+FL+FR+FC)", "pan=stereo|c0<c0|c1<c1"),
    ],
)
def test_any_number_of_channels_becomes_two(channels: int, layout: str, pan: str) -> None:
    made = graph(Programme(tracks=(track(1, channels, layout=layout),)))
    assert made.endswith(f"[s1]{pan}[s2]")


@pytest.mark.parametrize(
    ("written", "tag", "name"),
    [
        ("vie", "vi", "Tiếng Việt"),
        ("VIE", "vi", "Tiếng Việt"),
        ("chi", "zh", "中文"),
        ("pt-BR", "pt-BR", "Português (BR)"),
        ("hmn", "hmn", "hmn"),
        ("und", None, "main"),
        (None, None, "main"),
        ("\x00\x00\x00", None, "main"),
        ('a",URI="b', None, "main"),
    ],
)
def test_a_language_is_what_players_read(written: str | None, tag: str | None, name: str) -> None:
    assert language_tag(written) == tag
    assert language_name(tag) == name


@given(st.text(max_size=20))
def test_no_tag_of_a_file_breaks_out_of_the_playlists_quotes(written: str) -> None:
    tag = language_tag(written)
    assert not set('",\n\r') & set((tag or "") + language_name(tag))
