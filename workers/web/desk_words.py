"""The story desk's words, in Vietnamese and English: one table, so that neither language lacks a word.

What a record says of a failure or a warning is English; for Vietnamese readers it is told by its ``code``, and as the
record has it where the code is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from tasks.records.base import Failure, Notice

Language = Literal["vi", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

# Key: (English, Vietnamese).
_TABLE: Final[Mapping[str, tuple[str, str]]] = {
    "desk": ("Story desk", "Bàn biên tập"),
    "skip": ("Skip to the stories", "Đến thẳng danh sách bài"),
    "stories_link": ("Published stories", "Các bài đã đăng"),
    "language": ("Language", "Ngôn ngữ"),
    "sections": ("Sections", "Các mục"),
    "today": ("Today", "Hôm nay"),
    "days": ("Days with stories", "Những ngày có bài"),
    "updated_today": ("Also updated today", "Bài khác cập nhật hôm nay"),
    "nothing": ("There is no story here.", "Chưa có bài nào ở đây."),
    "nothing_why": ("Choose another day, or show all stories.", "Hãy chọn ngày khác, hoặc xem tất cả các bài."),
    "too_many": ("Only the first {count} stories are shown.", "Chỉ hiện {count} bài đầu tiên."),
    "summary": ("Where the stories stand", "Tình hình các bài"),
    "all": ("All", "Tất cả"),
    "blocked": ("Blocked", "Đang vướng"),
    "work": ("In work", "Đang xử lý"),
    "failed": ("Failed", "Bị lỗi"),
    "filter": ("Show which stories", "Hiện những bài nào"),
    "live": ("Live", "Trực tiếp"),
    "lost": ("Connection lost. Trying again…", "Mất kết nối. Đang thử lại…"),
    "announce": ("{title}: {state}", "{title}: {state}"),
    "story_complete": ("Complete", "Đầy đủ"),
    "story_complete_no_clips": ("Complete, without clips", "Đầy đủ, không có clip"),
    "story_waiting": ("{ready} of {all} clips ready", "{ready}/{all} clip đã xong"),
    "story_failed": ("The article could not be read", "Không đọc được bài viết"),
    "story_withdrawn": ("Withdrawn", "Đã gỡ"),
    "story_next_failed": (
        "A newer upload of this article could not be read; the one before it is shown.",
        "Bản mới hơn của bài này không đọc được; vẫn đang hiện bản trước.",
    ),
    "blocked_by": ("Blocked by {clips}.", "Đang vướng: {clips}."),
    "blocked_part": ("{name} ({why})", "{name} ({why})"),
    "blocked_more": ("{count} more", "{count} clip nữa"),
    "and": (" and ", " và "),
    "why_waiting": ("not uploaded yet", "chưa được tải lên"),
    "why_no_match": ("no clip of that name", "không có clip tên này"),
    "why_ambiguous": ("several clips could be meant", "có nhiều clip có thể là nó"),
    "why_orphaned": ("its paragraph was taken out", "đoạn văn của nó đã bị bỏ"),
    "why_failed": ("failed", "bị lỗi"),
    "why_withdrawn": ("withdrawn", "đã gỡ"),
    "why_queued": ("waiting for its turn", "đang chờ đến lượt"),
    "why_again": ("will be tried again", "sẽ được thử lại"),
    "why_work": ("being prepared, {percent} %", "đang xử lý, {percent} %"),
    "state_waiting": ("Waiting for the upload", "Đang chờ tải lên"),
    "state_no_match": ("No clip of that name", "Không có clip tên này"),
    "state_ambiguous": ("Several clips could be meant", "Có nhiều clip có thể là nó"),
    "state_orphaned": ("Its paragraph was taken out", "Đoạn văn của nó đã bị bỏ"),
    "state_failed": ("Failed", "Bị lỗi"),
    "state_withdrawn": ("Withdrawn", "Đã gỡ"),
    "state_queued": ("Waiting for its turn", "Đang chờ đến lượt"),
    "state_urgent": ("Waiting for its turn, urgent", "Đang chờ đến lượt, ưu tiên"),
    "state_again": ("Will be tried again", "Sẽ được thử lại"),
    "state_work": ("Being prepared, {percent} %", "Đang xử lý, {percent} %"),
    "state_playable": ("Can be watched; {percent} % prepared", "Xem được; đã xử lý {percent} %"),
    "state_ready": ("Ready", "Đã xong"),
    "speed": ("{speed}× speed", "tốc độ {speed}×"),
    "prepared": ("Prepared", "Đã xử lý"),
    "next_work": ("New version: {state}", "Bản mới: {state}"),
    "next_failed": (
        "A newer upload failed; the earlier one is shown.",
        "Bản tải lên mới hơn bị lỗi; vẫn đang hiện bản trước.",
    ),
    "orphaned_help": (
        "Move the line to the paragraph it belongs to, or take it out too.",
        "Hãy chuyển dòng này về đúng đoạn, hoặc bỏ nó đi.",
    ),
    "remedy_upload": (
        "What to do: export the clip again and upload it under the same name.",
        "Cách xử lý: xuất lại clip rồi tải lên với đúng tên này.",
    ),
    "remedy_retry": (
        "What to do: try again; if it fails again, tell the operator.",
        "Cách xử lý: thử lại; nếu vẫn lỗi, hãy báo kỹ thuật.",
    ),
    "remedy_limit": (
        "What to do: upload a shorter or smaller version.",
        "Cách xử lý: tải lên bản ngắn hơn hoặc nhỏ hơn.",
    ),
    "decided": ("Meant here: {clip}, as an editor chose", "Ở đây là {clip}, do biên tập viên chọn"),
    "undo": ("Undo", "Hoàn tác"),
    "did_you_mean": ("Did you mean:", "Có phải ý bạn là:"),
    "which": ("Which one is meant:", "Ý bạn là clip nào:"),
    "use": ("Use {clip}", "Dùng {clip}"),
    "retry": ("Try again", "Thử lại"),
    "urgent": ("Make urgent", "Ưu tiên"),
    "poster": ("Choose poster", "Chọn ảnh bìa"),
    "withdraw": ("Withdraw…", "Gỡ clip…"),
    "actions": ("Actions", "Thao tác"),
    "action_of": ("{action}: {name}", "{action}: {name}"),
    "open_story": ("Open story", "Mở bài"),
    "record": ("Record", "Bản ghi"),
    "notes": ("Notes", "Lưu ý"),
    "under": ("Under: “{text}”", "Dưới đoạn: “{text}”"),
    "picture_of": ("Poster of {name}", "Ảnh bìa của {name}"),
    "no_clips": ("This story shows no clip.", "Bài này không có clip."),
    "sign_in": ("Sign in", "Đăng nhập"),
    "sign_out": ("Sign out", "Đăng xuất"),
    "signed_in": ("Signed in", "Đã đăng nhập"),
    "sign_in_why": (
        "Everybody may look. To fix things with a click, sign in with the newsroom's token.",
        "Ai cũng xem được. Để sửa bằng một cú bấm, hãy đăng nhập bằng mã của tòa soạn.",
    ),
    "token": ("Token", "Mã"),
    "wrong_token": ("That is not the token.", "Mã không đúng."),
    "no_token_set": (
        "Nobody can sign in yet: NEWSREEL_OPERATOR_TOKEN is not set.",
        "Chưa ai đăng nhập được: NEWSREEL_OPERATOR_TOKEN chưa được đặt.",
    ),
    "back": ("Back to the desk", "Về bàn biên tập"),
    "cancel": ("Cancel", "Thôi"),
    "withdraw_title": ("Withdraw {name}?", "Gỡ {name}?"),
    "withdraw_why": (
        "The clip and all its media leave every story at once, until an operator restores it.",
        "Clip và toàn bộ tệp của nó sẽ bị gỡ ngay khỏi mọi bài, cho đến khi kỹ thuật khôi phục.",
    ),
    "withdraw_reason": ("Reason (readers of the record can see it)", "Lý do (ai đọc bản ghi cũng thấy)"),
    "withdraw_now": ("Withdraw the clip", "Gỡ clip"),
    "poster_title": ("Poster of {name}", "Ảnh bìa của {name}"),
    "poster_now": ("Now", "Hiện tại"),
    "poster_coming": ("The chosen picture is being made.", "Ảnh đã chọn đang được tạo."),
    "poster_pick": ("Choose a picture", "Chọn một ảnh"),
    "poster_at": ("Use the picture at {time}", "Dùng ảnh tại {time}"),
    "poster_none": ("There are no pictures to choose from yet.", "Chưa có ảnh nào để chọn."),
    "poster_moment": ("Or an exact moment", "Hoặc một thời điểm chính xác"),
    "poster_seconds": ("Seconds from the start", "Số giây từ đầu clip"),
    "poster_this": ("Use this moment", "Dùng thời điểm này"),
    "poster_help": ("Play or drag to the moment; the field follows.", "Phát hoặc kéo đến thời điểm; ô này tự theo."),
    "poster_automatic": ("Let newsreel choose", "Để newsreel tự chọn"),
    "done_retry": ("It is processed again.", "Đã bắt đầu lại."),
    "done_priority": ("It passes the others now.", "Đã được ưu tiên."),
    "done_withdraw": ("The clip is withdrawn.", "Đã gỡ clip."),
    "done_poster": ("The poster is being made.", "Đang tạo ảnh bìa."),
    "done_decide": ("Decided. The story follows in a moment.", "Đã chọn. Bài sẽ cập nhật ngay."),
    "done_undo": ("Taken back. The story follows in a moment.", "Đã hoàn tác. Bài sẽ cập nhật ngay."),
    "done_nothing": ("There was nothing to do.", "Không có gì phải làm."),
    "refused": ("That can't be done now", "Hiện chưa làm được"),
    "expired": (
        "Your sign-in has ended, or the form is not from this page. Sign in and try again.",
        "Phiên đăng nhập đã hết, hoặc biểu mẫu không phải của trang này. Hãy đăng nhập và thử lại.",
    ),
    "too_often": ("Too many tries. Wait a moment.", "Thử quá nhiều lần. Hãy đợi một lát."),
}

# By failure code; the English message is the record's own, which knows more of the case.
_FAILURES_VI: Final[Mapping[str, str]] = {
    "unknown_extension": "Tệp này không có đuôi của một clip.",
    "empty_upload": "Tệp tải lên trống.",
    "too_large": "Tệp quá lớn.",
    "unreadable": "Tệp không đọc được.",
    "probe_overran": "Xem xét tệp mất quá nhiều thời gian.",
    "not_media": "Tệp này không phải là video.",
    "no_video": "Tệp này không có hình.",
    "undecodable": "Không giải mã được hình trong tệp này.",
    "encrypted": "Tệp này bị mã hóa (chống sao chép), không phát được. Hãy tải lên bản không khóa.",
    "too_many_streams": "Tệp có quá nhiều luồng.",
    "too_large_picture": "Khung hình quá lớn.",
    "too_long": "Clip quá dài.",
    "upload_removed": "Tệp tải lên đã bị xóa trước khi xử lý.",
    "gave_up": "Đã thử nhiều lần mà lần nào việc xử lý cũng bị ngắt.",
    "cancelled": "Kỹ thuật đã dừng việc xử lý clip này.",
    "store_unavailable": "Kho lưu trữ không trả lời.",
    "disk_full": "Máy xử lý hết dung lượng đĩa.",
    "out_of_memory": "Máy xử lý không đủ bộ nhớ cho clip này.",
    "internal_error": "Có lỗi bên trong máy xử lý.",
    "encoder_killed": "Việc mã hóa bị ngắt.",
    "encoder_crashed": "Việc mã hóa bị sập vì clip này.",
    "encoder_overran": "Việc mã hóa mất quá nhiều thời gian.",
    "encoder_output_damaged": "Việc mã hóa tạo ra tệp hỏng.",
    "encoder_not_started": "Máy xử lý không khởi chạy được việc mã hóa.",
    "probe_not_started": "Máy xử lý không khởi chạy được việc xem xét tệp.",
    "probe_killed": "Việc xem xét tệp bị ngắt.",
    "disk_error": "Đĩa của máy xử lý bị lỗi.",
    "input_error": "Đọc clip bị ngắt giữa chừng: đĩa của máy xử lý lỗi trong chốc lát, hoặc tệp hỏng.",
    "worker_misconfigured": "Máy xử lý chưa được thiết lập cho yêu cầu này.",
}
_WARNINGS_VI: Final[Mapping[str, str]] = {
    "name_unconventional": "Tên clip không theo quy ước MMDDYY_SLUG[n].",
    "no_audio": "Clip không có tiếng.",
    "truncated": "Tệp bị cụt; chỉ có phần đọc được.",
    "picture_ends_early": "Hình hết sớm hơn tiếng; hãy xem lại tệp.",
    "sound_ends_early": "Tiếng hết sớm hơn hình; hãy xem lại tệp.",
    "recording_left_out": "Tệp ghép các đoạn ghi mã hóa khác nhau nên thiếu một phần; hãy tải từng đoạn lên.",
    "damaged": "Một số hình trong tệp bị hỏng; hãy xem lại trước khi đăng.",
    "no_poster": "Không tạo được ảnh bìa.",
    "field_order_corrected": "Thứ tự trường ghi trong tệp sai và đã được sửa.",
    "scan_corrected": "Kiểu quét ghi trong tệp sai và đã được sửa.",
    "dolby_vision_only": "Màu chỉ có ở dạng Dolby Vision, có thể hiện sai.",
    "black_stretch": "Có một đoạn hình đen.",
    "frozen_stretch": "Có một đoạn hình đứng.",
    "letterboxed": "Hình có dải đen trên dưới.",
    "pillarboxed": "Hình có dải đen hai bên.",
    "upscaled": "Hình được phóng to từ độ phân giải thấp hơn.",
    "shape_changes": "Tỷ lệ khung hình đổi giữa chừng nên một phần bị méo; hãy cắt ở đó rồi tải từng phần lên.",
    "loudness_missed": "Độ lớn tiếng không đạt mức chuẩn.",
    "silent": "Tiếng gần như im lặng.",
    "too_loud": "Tiếng quá lớn.",
    "too_quiet": "Tiếng quá nhỏ.",
    "channel_dead": "Một kênh tiếng không có tín hiệu.",
    "clipped": "Tiếng bị vỡ.",
    "out_of_phase": "Hai kênh tiếng ngược pha.",
    "track_silent": "Một đường tiếng im lặng.",
    "sound_unreadable": "Không đọc được tiếng.",
    "captions_unreadable": "Không đọc được phụ đề.",
}
_LIMITS: Final = frozenset({"too_large", "too_many_streams", "too_large_picture", "too_long", "probe_overran"})


@dataclass(frozen=True)
class Words:
    """The words of one language."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The words of that key, with its places filled.

        Raises:
            KeyError: there are no such words, or a place is left empty.
        """
        return _TABLE[key][0 if self.language == "en" else 1].format(**values)

    def failure(self, failure: Failure) -> str:
        """What went wrong."""
        return _FAILURES_VI.get(failure.code, failure.message) if self.language == "vi" else failure.message

    def warning(self, notice: Notice) -> str:
        """What is worth a look."""
        return _WARNINGS_VI.get(notice.code, notice.message) if self.language == "vi" else notice.message

    def remedy(self, failure: Failure) -> str:
        """What an editor can do about a failure."""
        if failure.code in _LIMITS:
            return self("remedy_limit")
        return self("remedy_retry" if failure.retryable else "remedy_upload")


def preferred(accept_language: str) -> Language:
    """The language of an ``Accept-Language`` header (RFC 9110, 12.5.4) that we have and it likes best; else English."""
    liked: list[tuple[float, int, Language]] = []
    for place, each in enumerate(accept_language.split(",")[:32]):
        tag, _, weight = each.partition(";")
        language = next((known for known in LANGUAGES if tag.strip().lower().partition("-")[0] == known), None)
        if language is not None:
            liked.append((-_quality(weight), place, language))
    best = min(liked, default=(0.0, 0, "en"))
    return "en" if best[0] == 0 else best[2]


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(1.0, max(0.0, float(value))) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
