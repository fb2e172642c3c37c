"""Reference lines as people write them, and the lines that only look like one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.news.references import is_labelled, parse_reference_line
from tasks.records import keys

names = st.from_regex(r"[0-9]{6}_[A-Z]{1,8}[0-9]{0,2}", fullmatch=True)
extensions = st.sampled_from(sorted(keys.CLIP_EXTENSIONS))


@pytest.mark.parametrize(
    "line",
    [
        "Video: 120320_OHAI1.mp4",
        "video:120320_OHAI1.mp4",
        "VIDEO : 120320_OHAI1.MP4",
        "Video：120320_OHAI1.mov",
        "Video - 120320_OHAI1.mp4",
        "Video – 120320_OHAI1",
        "VIDEO- 120320_OHAI1.mp4",
        "Clip: 120320_OHAI1.mxf",
        "Video clip: 120320_OHAI1.mp4",
        "Videos: 120320_OHAI1.mp4",
        "Video: 120320_OHAI1",
        "  \u00a0Video:\u00a0120320_OHAI1.mp4\u200b ",
        "Video: 120320_OHAI1.mp4.",
        "• Video: “120320_OHAI1.mp4”",
        "[Video: 120320_OHAI1.mp4]",
        "(Clip: 120320_OHAI1)",
        "[[ Clip: 120320_OHAI1.mp4 ]]",
    ],
)
def test_every_way_of_writing_a_reference_gives_the_clips_name(line: str) -> None:
    assert parse_reference_line(line) == ("120320_OHAI1",)


@pytest.mark.parametrize(
    ("line", "clips"),
    [
        ("Video: A1.mp4, A2.mp4; A3.mov", ("A1", "A2", "A3")),
        ("Video: A1.mp4 A2.mp4", ("A1", "A2")),
        ("Video: A1.mp4 và A2.mp4", ("A1", "A2")),
        ("Video: A1.mp4,A2.mp4,", ("A1", "A2")),
        ("(Video: Hải (1).mp4, Hải (2).mp4)", ("Hải (1)", "Hải (2)")),
        ("Video: 120320_OHAI1 và 120320_OHAI2", ("120320_OHAI1", "120320_OHAI2")),
        ("Video: 120320_OHAI1, 120320_OHAI2", ("120320_OHAI1", "120320_OHAI2")),
        ("Video: 120320_OHAI1 120320_OHAI2", ("120320_OHAI1", "120320_OHAI2")),
        ("Video: Hải 1.mp4, Hải 2.mp4", ("Hải 1", "Hải 2")),
    ],
)
def test_a_line_may_refer_to_several_clips(line: str, clips: tuple[str, ...]) -> None:
    assert parse_reference_line(line) == clips


@pytest.mark.parametrize(
    ("line", "clip"),
    [
        ("Video: Lễ khai mạc 1.mp4", "Lễ khai mạc 1"),
        ("Video: 120320_OHAI 1.mp4", "120320_OHAI 1"),
        ("Video: Lũ, bão.mp4", "Lũ, bão"),
        ("Video: Hội nghị (bản cuối).mp4", "Hội nghị (bản cuối)"),
        ("Video: 120320_OHAI1.v2.mp4", "120320_OHAI1.v2"),
        ("Video: phát-biểu", "phát-biểu"),
    ],
)
def test_a_name_may_hold_spaces_and_signs_as_long_as_it_is_clear_where_it_ends(line: str, clip: str) -> None:
    assert parse_reference_line(line) == (clip,)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Video",
        "Video:",
        "Video: …",
        "Video: .mp4",
        "Video cho thấy nước đã rút khỏi chân đê.",
        "Video 120320_OHAI1.mp4 đã được đăng.",
        "Video: 120320_OHAI1.mp4 đã được đăng.",
        "Video - Clip",
        "video-clip.mp4",
        "Videoclip: A1.mp4",
        "Video: TTXVN",
        "Video: Minh Đức",
        "Video: Toàn cảnh hội nghị",
        "Video: https://example.com/a1.mp4",
        "Xem Video: 120320_OHAI1.mp4",
        f"Video: {'rất dài ' * 40}.mp4",
    ],
)
def test_other_lines_are_no_reference_even_if_they_begin_with_video(line: str) -> None:
    assert parse_reference_line(line) == ()


def test_a_labelled_line_is_known_even_when_it_names_no_clip() -> None:
    assert is_labelled("Video: Toàn cảnh hội nghị")
    assert not is_labelled("Video - Clip")
    assert not is_labelled("Ông nói: Video")


@given(names, extensions)
def test_a_reference_names_the_clip_that_an_upload_of_that_file_makes(name: str, extension: str) -> None:
    assert parse_reference_line(f"Video: {name}.{extension}") == (keys.stem(f"clips/{name}.{extension}"),)


def test_a_name_too_long_for_a_key_is_cut_as_the_uploads_name_is() -> None:
    name = "đê " * 40 + "1"
    assert parse_reference_line(f"Video: {name}.mp4") == (keys.stem(f"clips/{name}.mp4"),)


@given(st.text(max_size=60))
def test_decomposed_letters_give_the_same_names(text: str) -> None:
    line = f"Video: Đê {text}1.mp4"
    composed, decomposed = (parse_reference_line(unicodedata.normalize(form, line)) for form in ("NFC", "NFD"))
    assert composed == decomposed
    assert all(unicodedata.is_normalized("NFC", name) for name in composed)


@given(st.text())
def test_any_line_is_read_without_an_error_and_no_name_can_leave_its_folder(text: str) -> None:
    for line in (text, f"Video: {text}", f"Video - {text}.mp4"):
        for name in parse_reference_line(line):
            assert name
            assert "/" not in name
            assert name.strip(".")


@pytest.mark.parametrize(
    "piece", ["Video: ", "Video : - ", "a.mp4 ", "a.mp4,", ". ", "\u0301\u0323", "- ", '"', "[", " và ", "_-"]
)
def test_a_hostile_line_of_a_megabyte_ends(piece: str) -> None:
    assert parse_reference_line("Video: " + piece * (1_000_000 // len(piece))) == ()
