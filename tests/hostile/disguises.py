"""Playlists and other texts that name further files or addresses, to be uploaded under a clip's name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CANARY = "canary.ts"
"""A clip that can be played, beside the source; ``canary.mp4`` is the same, fragmented."""


@dataclass(frozen=True, kw_only=True)
class Disguise:
    """A file that isn't what its name says."""

    kind: str
    content: bytes


def disguises(outside: Path, port: int) -> tuple[Disguise, ...]:
    """One of each kind and target; ``outside`` is a clip elsewhere, ``port`` one where something listens."""
    return tuple(
        Disguise(kind=kind, content=text.encode() if isinstance(text, str) else text)
        for kind, text in _all(outside, port)
    )


def targets(outside: Path, port: int) -> dict[str, str]:
    """Ways to name another file or address."""
    return {
        "relative": CANARY,
        "absolute": str(outside),
        "parent": f"../{outside.parent.name}/{outside.name}",
        "file": f"file://{outside}",
        "http": f"http://127.0.0.1:{port}/canary.ts",
        "concat": f"concat:{CANARY}|{outside}",
        "subfile": f"subfile,,start,0,end,900,,:{outside}",
        "crypto": f"crypto:{outside}",
        "data": "data:video/mp2t;base64,RxEREQ==",
        "tcp": f"tcp://127.0.0.1:{port}",
        "itself": "source",
    }


def media_playlist(target: str) -> str:
    """HLS (RFC 8216), one segment."""
    return (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n"
    )


def ffconcat(target: str) -> str:
    """ffmpeg's own list of files."""
    return f"ffconcat version 1.0\nfile '{target}'\n"


def manifest(target: str) -> str:
    """DASH (ISO/IEC 23009-1), one representation."""
    return (
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" minBufferTime="PT1S" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" mediaPresentationDuration="PT1S"><Period>'
        '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="100000" codecs="avc1.42c00a" width="64" '
        f'height="64"><BaseURL>{target}</BaseURL><SegmentBase indexRange="0-100"/></Representation></AdaptationSet>'
        "</Period></MPD>\n"
    )


def session(port: int) -> str:
    """SDP (RFC 8866): ffmpeg would listen for the stream."""
    return (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    )


def composition() -> str:
    """An IMF composition playlist (SMPTE ST 2067-3); ffmpeg looks for ``ASSETMAP.xml`` beside it."""
    return (
        '<?xml version="1.0"?>\n<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
        "<Id>urn:uuid:8713c020-2489-45f5-a9f7-87be539e20b5</Id><ContentTitle>x</ContentTitle>"
        "<EditRate>25 1</EditRate><SegmentList/></CompositionPlaylist>\n"
    )


def _all(outside: Path, port: int) -> Iterator[tuple[str, str | bytes]]:
    for name, target in targets(outside, port).items():
        yield f"hls-{name}", media_playlist(target)
        yield f"ffconcat-{name}", ffconcat(target)
        if name in ("relative", "absolute", "http"):
            yield f"dash-{name}", manifest("canary.mp4" if name == "relative" else target)
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:{port}/key"\n#EXTINF'
    yield "hls-key", media_playlist(CANARY).replace("#EXTINF", key)
    yield "hls-map", media_playlist(CANARY).replace("#EXTINF", '#EXT-X-MAP:URI="canary.mp4"\n#EXTINF')
    yield "hls-master", f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{outside}\n"
    yield "hls-after-a-clip", b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + media_playlist(CANARY).encode()
    yield "ffconcat-options", ffconcat(CANARY) + "option protocol_whitelist file,http,tcp\noption safe 0\n"
    yield "sdp", session(port)
    yield "rtsp", f"RTSP/1.0 302 Moved\r\nLocation: rtsp://127.0.0.1:{port}/\r\n\r\n"
    yield "rtsptext", f"RTSPtext\nrtsp://127.0.0.1:{port}/x\n"
    yield "imf", composition()
    yield "asx", f'<asx version="3.0"><entry><ref href="http://127.0.0.1:{port}/x"/></entry></asx>'
    yield "wpl", f'<?wpl version="1.0"?><smil><body><seq><media src="{outside}"/></seq></body></smil>'
    yield (
        "xspf",
        f'<playlist version="1" xmlns="http://xspf.org/ns/0/"><location>file://{outside}</location></playlist>',
    )
    yield "pls", f"[playlist]\nFile1={outside}\nNumberOfEntries=1\nVersion=2\n"
    yield "avisynth", f'DirectShowSource("{outside}")\n'
    yield (
        "svg",
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" height="64">'
        f'<image width="64" height="64" xlink:href="file://{outside}"/></svg>',
    )
    yield "image2-pattern", "canary%03d.png\n"
    yield "webvtt", f"WEBVTT\n\n00:00.000 --> 00:01.000\n{outside}\n"
    yield "ass", "[Script Info]\nScriptType: v4.00+\n[Fonts]\nfontname: canary.ttf\n"
    yield "ffmetadata", ";FFMETADATA1\ntitle=x\n"
