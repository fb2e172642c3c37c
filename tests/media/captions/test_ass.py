"""ASS captions: what is said is read, with its styles; what is drawn is left out."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media.captions.ass import read_events
from tasks.media.captions.webvtt import clean

STYLES = """[V4+ Styles]
Format: Name, Fontname, Bold, Italic, Underline
Style: Default,Arial,0,0,0
Style: Loud,Arial,-1,0,0
Style: Both,Arial,-1,-1,0
"""


def read(text: str, *, style: str = "Default", times: str = "0:00:01.00,0:00:02.50") -> list[str]:
    written = (
        f"{STYLES}\n[Events]\nDialogue: 0,{times},{style},,0,0,0,,{text}\r\nComment: 0,{times},{style},,0,0,0,,No\n"
    )
    return [each.text for each in read_events(written.encode())]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"One, two\Nthree\nfour\hfive", ["One, two\nthree\nfour five"]),
        (r"{\an8\pos(10,20)\fad(1,2)}Up", ["Up"]),
        (r"{\b1}Bold{\b0} {\i1}tilted{\r} plain {\b700}heavy", ["<b>Bold</b> <i>tilted</i> plain <b>heavy</b>"]),
        (r"{\bord2\blur1\be1\iclip(1,2,3,4)}Not bold", ["Not bold"]),
        (r"{\t(0,100,\b1\clip(1,2,3,4)\i1)}Later", ["Later"]),
        (r"{\k20}Ka{\k30}ra", ["Kara"]),
        (r"Before {\p1}m 0 0 l 100 0{\p0} after", ["Before after"]),
        (r"{\p2\c&HFF&}m 0 0 l 50 50", []),
        (r"{\pbo3}Said", ["Said"]),
        (r"{\p1}m 0 0{\r} still drawn", []),
        ("a < b & <b>c</b> {open", ["a &lt; b &amp; &lt;b&gt;c&lt;/b&gt; {open"]),
        (rf"{{\p{'9' * 5000}}}m 0 0", []),
    ],
)
def test_what_is_said_is_read_and_what_is_drawn_is_not(text: str, shown: list[str]) -> None:
    assert read(text) == shown


def test_styles_are_kept() -> None:
    assert read("Hey", style="Loud") == ["<b>Hey</b>"]
    assert read(r"Hey{\rDefault} you", style="*Both") == ["<b><i>Hey</i></b> you"]


def test_times_count_from_the_clips_zero() -> None:
    written = b"Dialogue: 0,0:01:01.00,0:01:02.50,D,,0,0,0,,Hello\nDialogue: 0,0:00:01.00,0:00:02.00,D,,0,0,0,,Gone\n"
    (found,) = read_events(written, zero_s=60)
    assert (found.start_s, found.end_s, found.text) == (1, 2.5, "Hello")


@given(text=st.text(alphabet=r"{}\<>/&;,()bipurtN019 a", max_size=60))
def test_whatever_it_holds_is_clean(text: str) -> None:
    for shown in read(text):
        assert clean(shown) == shown


def test_the_longest_line_there_can_be_takes_no_time() -> None:
    begun_s = time.process_time()
    assert len(read("{" * 1_500_000)) == 1
    # When each part was put behind all that came before, this took a minute; the longest, half an hour.
    assert time.process_time() - begun_s < 15
