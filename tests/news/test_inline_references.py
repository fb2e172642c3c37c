"""References within a paragraph, shortcodes, and a newsroom's own words for them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from config.settings import Settings
from tasks.news.clip_names import clip_name_in_url
from tasks.news.inline_references import take_references
from tasks.news.references import LABELS, SHORTCODES, ReferenceStyle


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Ông nói (Video: 120320_OHAI1.mp4) rồi về.", "Ông nói rồi về."),
        ("Ông nói (xem video: 120320_OHAI1.mp4).", "Ông nói."),
        ("Ông nói. Video: 120320_OHAI1.mp4", "Ông nói."),
        ("Ông nói. Video: 120320_OHAI1.mp4. Ông về.", "Ông nói. Ông về."),
        ("Ông nói. Clip: 120320_OHAI1 Ông về.", "Ông nói. Ông về."),
        ("Ông nói [video src=“120320_OHAI1.mp4”] rồi về.", "Ông nói rồi về."),
        ("{{video:120320_OHAI1}} Ông nói.", "Ông nói."),
        ("Xem Video: 120320_OHAI1.mp4", ""),
        ("Trong video: 120320_OHAI1.mp4 ông nói rõ.", "Trong video: 120320_OHAI1.mp4 ông nói rõ."),
    ],
)
def test_a_marker_refers_to_its_clip_and_the_sentence_stays_whole(line: str, text: str) -> None:
    assert take_references(line) == (text, ("120320_OHAI1",))


@pytest.mark.parametrize("line", ["Ông nói trong video: mưa đến.", "[video]", "[video width=3]", "Xem lại: A1.mp4", ""])
def test_other_sentences_stay_as_they_are(line: str) -> None:
    assert take_references(line) == (line, ())


def test_one_clip_in_several_formats_is_one_reference() -> None:
    assert take_references('[video mp4="a/B1.mp4" webm="a/B1.webm"][/video]') == ("", ("B1",))


def test_a_newsroom_may_use_its_own_words() -> None:
    style = ReferenceStyle(labels=("phim",), shortcodes=("tvclip",))
    assert take_references("Phim: 120320_OHAI1.mp4", style) == ("", ("120320_OHAI1",))
    assert take_references("Nói [tvclip A1] xong.", style) == ("Nói xong.", ("A1",))
    assert take_references("Video: 120320_OHAI1.mp4", style)[1] == ()


def test_only_media_files_are_clips() -> None:
    assert clip_name_in_url("https://cdn.example/a/%C4%90%C3%AA%201.mp4?x=1#t=2") == "Đê 1"
    assert (
        clip_name_in_url("https://example.com/page.html") == clip_name_in_url("http://[") == clip_name_in_url("") == ""
    )


def test_the_settings_begin_with_the_standard_words_and_take_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings().reference_labels, Settings().reference_shortcodes) == (LABELS, SHORTCODES)
    monkeypatch.setenv("NEWSREEL_REFERENCE_LABELS", "phim, đoạn  phim")
    assert Settings().reference_labels == ("phim", "đoạn phim")


@pytest.mark.parametrize("value", ["", "video,,clip", "a:b", "120320"])
def test_a_setting_that_is_no_list_of_words_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NEWSREEL_REFERENCE_LABELS", value)
    with pytest.raises(ValidationError, match=r"NEWSREEL_REFERENCE_LABELS: expected words of letters"):
        Settings()
