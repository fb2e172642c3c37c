"""What each line of an article is taken for, and that nothing else ever comes of it."""

from __future__ import annotations

import textwrap
import unicodedata
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.errors import SourceRejected
from tasks.news.article import ParsedArticle, parse_article
from tasks.news.text import normalise, one_line, with_vietnamese_d

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
HEADER = "Đắp đê trước mùa mưa\n\nThứ 5, 03.12.2020 | 18:00:30\n192 lượt xem\n\n"
LEDE = "Sáng nay, tỉnh Vĩnh Sa mở hội nghị về đê điều."
SECOND = "Ông Hải cho biết đê sẽ xong trước mùa mưa."
CAPTION = "Quang cảnh hội nghị"


def parse(*blocks: str, header: str = HEADER) -> ParsedArticle:
    return parse_article(header + "\n\n".join(blocks), zone=HANOI)


def kinds(article: ParsedArticle) -> list[tuple[str, str]]:
    return [(paragraph.kind, paragraph.text) for paragraph in article.paragraphs]


def owners(article: ParsedArticle) -> dict[str, str | None]:
    texts = [paragraph.text for paragraph in article.paragraphs]
    return {each.name: None if each.paragraph is None else texts[each.paragraph] for each in article.references}


def codes(article: ParsedArticle) -> list[str]:
    return [warning.code for warning in article.warnings]


class TestHeader:
    def test_title_date_and_views_are_told_apart_from_the_text(self) -> None:
        article = parse(LEDE)
        assert article.title == "Đắp đê trước mùa mưa"
        assert article.published_at == "2020-12-03T18:00:30+07:00"
        assert article.views == 192
        assert article.lede == LEDE
        assert kinds(article) == [("body", LEDE)]
        assert article.warnings == ()

    @pytest.mark.parametrize(
        "header",
        [
            "Thứ 5, 03.12.2020 | 18:00:30\nĐắp đê\n\n192 lượt xem\n\n",
            "Đắp đê\n192 lượt xem | 03/12/2020 18:00:30\n",
            "\n\n Đắp đê\u00a0\n\n18:00:30 03-12-2020\n1.234 lượt xem",
        ],
    )
    def test_date_and_views_may_stand_in_any_order_around_the_title(self, header: str) -> None:
        article = parse(LEDE, header=f"{header}\n")
        assert (article.title, article.published_at) == ("Đắp đê", "2020-12-03T18:00:30+07:00")
        assert kinds(article) == [("body", LEDE)]

    def test_the_date_may_follow_the_lede_but_a_date_further_down_is_text(self) -> None:
        after_lede = parse(LEDE, "03.12.2020 | 18:00", SECOND, header="Đắp đê\n\n")
        assert after_lede.published_at == "2020-12-03T18:00:00+07:00"
        further_down = parse(LEDE, SECOND, "03.12.2020 | 18:00", SECOND, header="Đắp đê\n\n")
        assert further_down.published_at is None
        assert ("caption", "03.12.2020 | 18:00") in kinds(further_down)
        assert codes(further_down) == ["date_missing"]

    def test_of_two_dates_the_first_counts(self) -> None:
        article = parse(LEDE, header="Đắp đê\n03.12.2020 | 18:00\nCập nhật: 04.12.2020 | 09:00\n\n")
        assert article.published_at == "2020-12-03T18:00:00+07:00"
        assert kinds(article) == [("body", LEDE)]

    def test_a_date_that_does_not_exist_is_told_and_is_no_paragraph(self) -> None:
        article = parse(LEDE, header="Đắp đê\n45.13.2020 | 18:00\n\n")
        assert article.published_at is None
        assert codes(article) == ["date_not_understood"]
        assert kinds(article) == [("body", LEDE)]

    def test_a_first_line_too_long_for_a_title_is_text(self) -> None:
        long_lede = f"{LEDE} " * 8 + "Hết."
        article = parse(header=long_lede)
        assert article.title == ""
        assert article.lede == long_lede
        assert codes(article) == ["title_missing", "date_missing"]

    def test_a_title_alone_is_an_article_and_a_warning(self) -> None:
        article = parse(header="Đắp đê trước mùa mưa")
        assert article.title == "Đắp đê trước mùa mưa"
        assert article.paragraphs == ()
        assert article.lede == ""
        assert "text_missing" in codes(article)

    @pytest.mark.parametrize(
        "text", ["", " \n\t\n", "\ufeff\u200b\u00a0", "----\n***\n…", "Thứ 5, 03.12.2020 | 18:00", "• Từ khóa\nĐắp đê"]
    )
    def test_an_article_without_text_is_rejected(self, text: str) -> None:
        with pytest.raises(SourceRejected) as rejected:
            parse_article(text, zone=HANOI)
        assert rejected.value.code == "article_empty"


class TestKinds:
    @pytest.mark.parametrize(
        "line",
        [
            SECOND,
            "Đê đã xong!",
            "Bao giờ đê xong?",
            "Ông Hải nói:",
            "Kênh bồi lắng, trạm bơm quá tuổi,…",
            "Kênh bồi lắng, trạm bơm quá tuổi...",
            "Kho thóc được xây ở ba xã ven sông./.",
            "“Được rồi!”",
            "“Chúng tôi sẽ làm được”",
            "Ông Hải nói: “Chúng tôi sẽ làm được”",
            "Đê đã xong (theo Ban Quản lý đê điều.)",
            "- Đắp cao 5 km đê tả ngạn",
            "• Nạo vét kênh số 4",
            "Đê dài " * 40,
        ],
    )
    def test_what_ends_a_sentence_is_speech_an_item_or_long_is_body(self, line: str) -> None:
        assert kinds(parse(LEDE, line, SECOND))[1] == ("body", one_line(line))

    @pytest.mark.parametrize(
        "line",
        [
            CAPTION,
            "Ông Trần Quang Hải, Giám đốc Sở Nông nghiệp, phát biểu tại hội nghị",
            "Lễ phát động phong trào “Lúa vàng”",
            "Ông Hải (bên phải) kiểm tra đê",
            "Bà con đắp đê. Ảnh: Minh Đức",
            "Bà con đắp đê (Ảnh: TTXVN)",
            "Ảnh: Minh Đức.",
        ],
    )
    def test_a_short_line_that_ends_no_sentence_is_a_caption(self, line: str) -> None:
        assert kinds(parse(LEDE, line, SECOND))[1] == ("caption", line)

    @pytest.mark.parametrize("line", ["1. Việc đắp đê", "II. Giữ giống lúa", "a) Kênh số 4", "BA VIỆC TRƯỚC MÙA MƯA"])
    def test_numbered_and_capital_lines_are_headings(self, line: str) -> None:
        assert kinds(parse(LEDE, line, SECOND))[1] == ("heading", line)

    def test_a_caption_before_the_lede_is_not_the_lede(self) -> None:
        article = parse(CAPTION, LEDE)
        assert article.lede == LEDE
        assert kinds(article) == [("caption", CAPTION), ("body", LEDE)]

    def test_the_only_line_of_an_article_is_its_body_even_without_a_full_stop(self) -> None:
        article = parse("Nước rút khỏi chân đê")
        assert kinds(article) == [("body", "Nước rút khỏi chân đê")]
        assert article.lede == "Nước rút khỏi chân đê"

    def test_each_line_is_a_paragraph_with_or_without_blank_lines_between(self) -> None:
        assert kinds(parse(f"{LEDE}\n{CAPTION}\n{SECOND}")) == kinds(parse(LEDE, CAPTION, SECOND))

    def test_lines_of_a_text_wrapped_at_one_width_are_joined(self) -> None:
        paragraphs = [
            f"{LEDE} {SECOND} Nước rút khỏi chân đê từ sáng sớm, bà con trở lại đồng. {LEDE}",
            SECOND * 3,
            LEDE,
        ]
        wrapped = "\n\n".join("\n".join(textwrap.wrap(paragraph, 60)) for paragraph in paragraphs)
        wrapped = wrapped.replace(f"\n\n{LEDE}", f"\nVideo: 120320_OHAI1.mp4\n\n{LEDE}")
        article = parse(wrapped)
        assert [text for _, text in kinds(article)] == paragraphs
        assert owners(article) == {"120320_OHAI1": paragraphs[1]}


class TestReferences:
    def test_a_reference_belongs_to_the_body_paragraph_before_it(self) -> None:
        article = parse(LEDE, "Video: A1.mp4", SECOND, "Video: A2.mp4")
        assert owners(article) == {"A1": LEDE, "A2": SECOND}
        assert [kind for kind, _ in kinds(article)] == ["body", "body"]

    def test_a_caption_or_a_heading_between_does_not_take_the_reference(self) -> None:
        article = parse(LEDE, CAPTION, "Video: A1.mp4", SECOND, "1. Việc đắp đê", "Video: A2.mp4", LEDE)
        assert owners(article) == {"A1": LEDE, "A2": SECOND}

    def test_a_reference_before_the_first_paragraph_belongs_to_none(self) -> None:
        before_text = parse("Video: A1.mp4", CAPTION, "Video: A2.mp4", LEDE)
        assert owners(before_text) == {"A1": None, "A2": None}
        before_title = parse(LEDE, header="Video: A1.mp4\nĐắp đê\n\n")
        assert before_title.title == "Đắp đê"
        assert owners(before_title) == {"A1": None}

    def test_several_references_in_a_line_and_in_lines_keep_their_order(self) -> None:
        article = parse(LEDE, "Video: A2.mp4, A1.mp4\nClip: A3.mp4")
        assert [each.name for each in article.references] == ["A2", "A1", "A3"]

    def test_a_labelled_line_that_names_no_clip_stays_in_the_text_with_a_warning(self) -> None:
        article = parse(LEDE, "Video: Toàn cảnh hội nghị", SECOND)
        assert article.references == ()
        assert kinds(article)[1] == ("caption", "Video: Toàn cảnh hội nghị")
        assert codes(article) == ["reference_not_understood"]

    def test_references_alone_are_an_article_without_a_text(self) -> None:
        article = parse_article("Video: A1.mp4", zone=HANOI)
        assert owners(article) == {"A1": None}
        assert {"title_missing", "text_missing"} <= set(codes(article))


class TestByline:
    @pytest.mark.parametrize(
        "byline",
        [
            "Phạm Ngọc",
            "Nguyễn Hình - Thanh Thủy",
            "Nguyễn Hình, Thanh Thủy và Lê Minh Anh",
            "PV",
            "Nhóm PV",
            "CTV Minh Hà",
            "Theo TTXVN",
            "Theo baovinhsa.vn",
            "Nguồn: Báo điện tử của tỉnh",
            "Tin, ảnh: Nguyễn Văn A",
            "Bài và ảnh: Thu Lam",
            "Tin - Ảnh: Thu Lam",
            "Thu Lam (tổng hợp)",
        ],
    )
    @pytest.mark.parametrize("below", ["", "\n\n  • Từ khóa\nChợ gạo mới\nChợ gạo mới", "\n\nVideo: A9.mp4"])
    def test_the_credit_on_the_last_line_is_the_byline_and_no_paragraph(self, byline: str, below: str) -> None:
        article = parse(LEDE, SECOND, f"{byline} {below}")
        assert article.byline == byline
        assert kinds(article) == [("body", LEDE), ("body", SECOND)]

    def test_labelled_credits_on_several_lines_make_one_byline(self) -> None:
        assert parse(LEDE, "Nguyễn Hình\nẢnh: Thanh Thủy").byline == "Nguyễn Hình, Ảnh: Thanh Thủy"
        assert parse(LEDE, "Tin: Nguyễn Hình\nVideo: Minh Đức").byline == "Tin: Nguyễn Hình, Video: Minh Đức"

    @pytest.mark.parametrize(
        "last",
        [
            "Quang cảnh hội nghị",
            "Ông Trần Quang Hải",
            "Ảnh: quang cảnh hội nghị",
            "Theo kế hoạch của tỉnh",
            "Tin vui cho bà con",
            "“Chúng tôi sẽ làm được”",
            "Hết.",
            SECOND,
        ],
    )
    def test_a_caption_or_a_sentence_at_the_end_is_no_byline(self, last: str) -> None:
        article = parse(LEDE, last)
        assert article.byline == ""
        assert kinds(article)[-1][1] == last

    def test_names_in_mid_story_are_no_byline(self) -> None:
        article = parse(LEDE, "Phạm Ngọc", SECOND)
        assert article.byline == ""
        assert kinds(article)[1] == ("caption", "Phạm Ngọc")


class TestTail:
    def test_what_follows_the_keywords_line_is_related_and_never_a_paragraph(self) -> None:
        article = parse(LEDE, "Thu Lam", "  • Từ khóa\nChợ gạo mới\nChợ gạo mới", "Từ ba giờ sáng, đò đã cập bến...")
        assert kinds(article) == [("body", LEDE)]
        assert article.byline == "Thu Lam"
        assert article.keywords == ()
        assert article.related == ("Chợ gạo mới", "Chợ gạo mới", "Từ ba giờ sáng, đò đã cập bến...")

    @pytest.mark.parametrize(
        "tail",
        [
            "Từ khóa: đê điều, lúa thơm, trường học",
            "• TỪ KHOÁ : đê điều; lúa thơm; trường học",
            "Tags: đê điều, lúa thơm, trường học",
            "  • Từ khóa\nđê điều, lúa thơm, trường học",
            "  • Từ khóa\n• đê điều\n• lúa thơm\n• trường học",
            "  • Từ khóa\n#đê điều #lúa thơm #trường học",
        ],
    )
    def test_keywords_are_read_beside_their_marker_or_below_it(self, tail: str) -> None:
        article = parse(LEDE, f"{tail}\nChợ gạo mới bên bến đò Bến Lụa")
        assert article.keywords == ("đê điều", "lúa thơm", "trường học")
        assert article.related == ("Chợ gạo mới bên bến đò Bến Lụa",)

    def test_a_sentence_about_keywords_is_text(self) -> None:
        line = "Từ khóa “đê điều” được tìm nhiều nhất trong tuần."
        assert kinds(parse(LEDE, line)) == [("body", LEDE), ("body", line)]

    def test_a_box_of_related_stories_ends_the_story_only_when_no_reference_follows(self) -> None:
        assert parse(LEDE, "Tin liên quan", "Chợ gạo mới").related == ("Chợ gạo mới",)
        in_mid_story = parse(LEDE, "Tin liên quan", "Chợ gạo mới", SECOND, "Video: A1.mp4")
        assert in_mid_story.related == ()
        assert owners(in_mid_story) == {"A1": SECOND}

    def test_a_reference_below_the_keywords_is_passed_over_with_a_warning(self) -> None:
        article = parse(LEDE, "• Từ khóa", "Video: A1.mp4")
        assert article.references == ()
        assert codes(article) == ["reference_in_tail"]


bodies = st.from_regex(r"[A-ZĐÊ][a-zđêửạ ,]{0,60}[.!?…:]", fullmatch=True).map(one_line)
captions = st.from_regex(r"[A-ZĐ][a-zđêửạ]{2,10} [a-zđêửạ]{2,20}", fullmatch=True)
references = st.from_regex(r"Video: 120320_[A-Z]{1,5}[1-9]\.mp4", fullmatch=True)
any_lines = st.one_of(
    bodies,
    captions,
    references,
    st.sampled_from(
        ["", "• Từ khóa", "Tin liên quan", "Phạm Ngọc", "03.12.2020", "192 lượt xem", "1. Đê", "Video: đê"]
    ),
    st.text(max_size=80),
)
any_text = st.lists(any_lines).map("\n".join)


class TestAnyText:
    @given(any_text)
    @example("\u00d0")
    def test_any_text_is_read_or_rejected_and_its_parts_fit_together(self, text: str) -> None:
        try:
            article = parse_article(text, zone=HANOI)
        except SourceRejected:
            return
        lines = {one_line(with_vietnamese_d(line)) for line in normalise(text).split("\n")}
        parts = [article.title, *article.related, *(paragraph.text for paragraph in article.paragraphs)]
        assert all(part in lines for part in parts if part)
        for reference in article.references:
            assert reference.paragraph is None or article.paragraphs[reference.paragraph].kind == "body"
        body = [paragraph.text for paragraph in article.paragraphs if paragraph.kind == "body"]
        assert article.lede == (body[0] if body else "")

    @given(any_text)
    def test_composed_and_decomposed_letters_and_any_line_end_give_the_same_article(self, text: str) -> None:
        variants = [text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text).replace("\n", "\r\n")]
        outcomes: list[ParsedArticle | str] = []
        for variant in variants:
            try:
                outcomes.append(parse_article(variant, zone=HANOI))
            except SourceRejected as rejected:
                outcomes.append(rejected.code)
        assert outcomes == [outcomes[0]] * 3

    @given(st.lists(st.one_of(bodies, captions, references), min_size=1))
    def test_each_reference_goes_to_the_last_body_paragraph_above_it(self, lines: list[str]) -> None:
        # A body line first and last keeps byline and lone-caption rules out of this.
        lines = ["Đê đã xong.", *lines, "Lúa đã gặt."]
        article = parse(*lines)
        owner, expected = -1, []
        shown = [line for line in lines if not line.startswith("Video: ")]
        position = -1
        for line in lines:
            if line.startswith("Video: "):
                expected.append((line.removeprefix("Video: ").removesuffix(".mp4"), owner))
            else:
                position += 1
                owner = position if line.endswith((".", "!", "?", "…", ":")) else owner
        assert [paragraph.text for paragraph in article.paragraphs] == shown
        assert [(each.name, each.paragraph) for each in article.references] == expected

    @pytest.mark.parametrize(
        "piece",
        [
            "a",
            "a ",
            ".",
            "“",
            "Video: ",
            "Video: a.mp4 ",
            "03.12.2020 ",
            "Tin, ",
            "- ",
            "1.",
            "\u0301\u0323",
            "Ảnh: ",
            "A-",
        ],
    )
    def test_a_hostile_line_of_a_megabyte_ends(self, piece: str) -> None:
        for before in ("", f"{HEADER}{LEDE}\n", f"{HEADER}{LEDE}\n• Từ khóa: "):
            try:
                parse_article(before + piece * (1_000_000 // len(piece)), zone=HANOI)
            except SourceRejected as rejected:
                # A few pieces hold no letter at all; one refers to a clip thousands of times.
                assert rejected.code in {"article_empty", "article_too_long"}  # noqa: PT017

    @pytest.mark.parametrize("line", ["Video: a1.mp4", "Video: a1.mp4" + ", a1.mp4" * 9])
    def test_more_than_five_hundred_references_are_rejected(self, line: str) -> None:
        clips = line.count("a1")
        assert len(parse_article("\n".join([line] * (500 // clips)), zone=HANOI).references) == 500
        with pytest.raises(SourceRejected) as rejected:
            parse_article("\n".join([line] * (500 // clips + 1)), zone=HANOI)
        assert rejected.value.code == "article_too_long"

    def test_a_file_of_a_million_lines_is_rejected(self) -> None:
        with pytest.raises(SourceRejected) as rejected:
            parse_article("Video: a1.mp4\n" * 1_000_000, zone=HANOI)
        assert rejected.value.code == "article_too_long"
