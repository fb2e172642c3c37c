"""WebVTT: what is read of ffmpeg's, what survives of an upload's markup, and the HLS segments."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media.captions import webvtt
from tasks.media.captions.webvtt import Cue


def test_ffmpegs_times_are_read_from_the_clips_zero() -> None:
    written = (
        b"WEBVTT\n\n00:21.500 --> 00:23.000\nShort\n\nname\n01:00:20.000 --> 01:00:21.000\nLong\n\n"
        b"00:10.000 --> 00:20.500\nBefore it\n\n00:19.000 --> 00:22.000\nAcross it\n"
    )
    assert webvtt.read_cues(written, zero_s=20.5) == (
        Cue(start_s=0, end_s=1.5, text="Across it"),
        Cue(start_s=1, end_s=2.5, text="Short"),
        Cue(start_s=3599.5, end_s=3600.5, text="Long"),
    )


@pytest.mark.parametrize(
    "block", ["00:02.000 --> 00:01.000\nBackwards", "00:01.000 --> 00:02.000\n<b> </b>", "1 --> 2\nx", "NOTE x", "\0"]
)
def test_what_is_damaged_or_empty_is_no_cue(block: str) -> None:
    good = "00:05.000 --> 00:06.000\nGood"
    assert [cue.text for cue in webvtt.read_cues(f"WEBVTT\n\n{block}\n\n{good}\n".encode())] == ["Good"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<b>bold</b> <i>it</i> <u>un</u>", "<b>bold</b> <i>it</i> <u>un</u>"),
        ("<v Ann Lee>hello", "<v Ann Lee>hello</v>"),
        ("<v>nobody", "nobody"),
        ('<v "><img onerror=x>">hi', '<v ">"&gt;hi</v>'),
        ("<script>alert(1)</script>", "alert(1)"),
        ("<c.red>red</c> <00:01.000>sung <ruby>r<rt>t</rt></ruby>", "red sung rt"),
        ("<b onclick=x>b", "<b>b</b>"),
        ("<body>b", "b"),
        ("<b><i>both</b> after</i>", "<b><i>both</i></b> after"),
        ("</b>nothing", "nothing"),
        ("a < b & c --> d", "a &lt; b &amp; c --&gt; d"),
        ("&lt;script&gt; &amp; &#60;b&#62;", "&lt;script&gt; &amp; &lt;b&gt;"),
        ("bell\x07 \u202eturned\u202c line \x00", "bell turned line"),
        ("  two \n\n \n  lines ", "two\nlines"),
    ],
)
def test_only_text_and_four_tags_survive(written: str, kept: str) -> None:
    assert webvtt.clean(written) == kept


@given(st.text(alphabet=st.one_of(st.sampled_from("<>/&;biuv -\n.!\"'#x3C0"), st.characters()), max_size=300))
def test_whatever_a_cue_says_it_ends_where_it_should_and_holds_no_other_tag(text: str) -> None:
    made = webvtt.clean(text)
    assert "-->" not in made
    assert "\n\n" not in made
    tags = re.findall(r"<[^>]*>", made)
    assert all(re.fullmatch(r"</?[biu]>|<v [^<>\n]+>|</v>", tag) for tag in tags)
    assert made.count("<") == made.count(">") == len(tags)
    assert len([tag for tag in tags if tag.startswith("</")]) * 2 == len(tags)
    # Clean text is text that stays as it is.
    assert webvtt.clean(made) == made or len(made) > 1000


def test_a_flood_of_cues_and_of_text_is_cut() -> None:
    flood = b"WEBVTT\n\n" + b"00:01.000 --> 00:02.000\nx\n\n" * 30_000
    assert len(webvtt.read_cues(flood)) == 20_000
    long = b"WEBVTT\n\n00:01.000 --> 00:02.000\n" + b"x" * 5000
    assert len(webvtt.read_cues(long)[0].text) == 1000


CUES = (
    Cue(start_s=1, end_s=2.5, text="First"),
    Cue(start_s=29, end_s=33.25, text="Across"),
    Cue(start_s=3671.5, end_s=3672, text="Late"),
)


def test_the_whole_file_is_webvtt() -> None:
    assert webvtt.whole_file(CUES) == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nFirst\n\n00:00:29.000 --> 00:00:33.250\nAcross\n\n"
        "01:01:11.500 --> 01:01:12.000\nLate\n"
    )
    assert webvtt.read_cues(webvtt.whole_file(CUES).encode()) == CUES


def test_rfc_8216_3_5_segments_have_a_timestamp_map_end_with_the_pictures_and_repeat_what_goes_on() -> None:
    made = webvtt.segments(CUES, [4.0] * 10 + [1.5])
    assert [(part.name, part.duration_s) for part in made] == [("00000.vtt", 32.0), ("00001.vtt", 9.5)]
    assert all(part.text.startswith("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n") for part in made)
    assert [[cue.text for cue in webvtt.read_cues(part.text.encode())] for part in made] == [
        ["First", "Across"],
        ["Across"],
    ]


def test_rfc_8216_4_3_3_1_the_target_duration_covers_the_longest_segment() -> None:
    text = webvtt.media_playlist(webvtt.segments(CUES, [4.0] * 8 + [1.52]))
    assert text == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:32\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXTINF:32.000000,\n00000.vtt\n#EXTINF:1.520000,\n00001.vtt\n#EXT-X-ENDLIST\n"
    )
