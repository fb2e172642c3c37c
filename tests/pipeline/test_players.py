"""What is published plays in a real browser, captions too: hls.js, dash.js, Shaka Player, and Chromium's own player."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping

import pytest
from playwright.sync_api import Browser, Page, Route

from tasks.pipeline.services import Services
from tasks.records.clip_record import ClipRecord
from tests import captioned, clips
from tests.gateway.conftest import serving
from tests.pipeline.published import publish, putting

pytestmark = pytest.mark.browser

NAME = "120320_PLAY1"
HEIGHTS = [360, 540, 720]
SCRIPTS = {
    "hls.js": ("hls.js@1", "package/dist/hls.min.js"),
    "dash.js": ("dashjs@5", "package/dist/modern/umd/dash.all.min.js"),
    "shaka": ("shaka-player@5", "package/dist/shaka-player.compiled.js"),
}
STARTERS = {
    "hls.js": """
        const hls = new Hls({lowLatencyMode: false});
        hls.on(Hls.Events.ERROR, (_, data) => {
            // That a busy machine lets the picture stall says nothing of the media.
            if (data.details !== 'bufferStalledError') faults.push(`${data.type} ${data.details} ${data.error || ''}`);
        });
        hls.on(Hls.Events.MANIFEST_PARSED, () => { heights = () => hls.levels.map(level => level.height); });
        hls.loadSource(address); hls.attachMedia(video); video.play();
    """,
    "dash.js": """
        const player = dashjs.MediaPlayer().create();
        player.updateSettings({debug: {logLevel: 0}});
        player.on(dashjs.MediaPlayer.events.ERROR, event => faults.push(JSON.stringify(event.error)));
        player.on(dashjs.MediaPlayer.events.STREAM_INITIALIZED, () => {
            heights = () => player.getRepresentationsByType('video').map(each => each.height);
        });
        player.initialize(video, address, true);
    """,
    "shaka": """
        shaka.polyfill.installAll();
        const player = new shaka.Player();
        player.addEventListener('error', event => faults.push(JSON.stringify(event.detail)));
        player.attach(video).then(() => player.load(address)).then(() => {
            heights = () => player.getVariantTracks().map(each => each.height);
            video.play();
        }).catch(error => faults.push(String(error)));
    """,
    "native": """
        heights = () => [];
        video.src = address; video.play();
    """,
}
PAGE = """<!doctype html><link rel="icon" href="data:,"><video muted playsinline width="640"></video>
<script src="/player.js"></script>
<script>
    const video = document.querySelector('video'), faults = [];
    let heights = null;
    const address = '%s';
    video.addEventListener('error', () => faults.push(`video: ${video.error.message}`));
    %s
</script>"""


CAPTIONED = "120320_CAPTIONS2"
LISTED = {
    "hls.js": "hls.subtitleTracks.map(each => [each.name, each.lang || null])",
    "shaka": "player.getTextTracks().map(each => [each.label || each.originalLanguage, each.language])",
    "dash.js": "player.getTracksFor('text').map(each => [each.labels[0].text, each.lang])",
}
CHOOSE = {
    "hls.js": "hls.subtitleDisplay = true; hls.subtitleTrack = 1;",
    # Shaka places HLS captions by the next segment of the picture: so short a clip must not be in its buffer already.
    "shaka": """
        player.configure('streaming.bufferingGoal', 2);
        player.load(address).then(() => {
            player.selectTextTrack(player.getTextTracks().find(each => each.language === 'en'));
            video.play();
        });
    """,
    "dash.js": "player.setTextTrack(1);",
}
SHOWN = """[...video.textTracks].flatMap(track => [...(track.cues || [])])
    .filter(cue => cue.text.startsWith('Hello')).map(cue => [cue.startTime, cue.endTime])"""


@pytest.fixture(scope="module")
def players(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The players' own scripts, from the package registry."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine: it fetches hls.js, dash.js and Shaka Player")
    folder = tmp_path_factory.mktemp("players")
    scripts = {"native": ""}
    for player, (package, path) in SCRIPTS.items():
        command = [npm, "pack", package, "--silent"]
        packed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        if packed.returncode:
            pytest.skip(f"npm can't fetch {package}: {packed.stderr[-200:]}")
        with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
            member = archive.extractfile(path)
            assert member is not None
            scripts[player] = member.read().decode()
    return scripts


@pytest.fixture(scope="module")
def published(services: Services, tmp_path_factory: pytest.TempPathFactory) -> ClipRecord:
    """A clip of six seconds in three sizes."""
    clip = clips.progressive(tmp_path_factory.mktemp("clips") / "p.mp4", seconds=6, size="1280x720")
    return publish(services, putting(services), clip, NAME)


@pytest.fixture(scope="module")
def gateway(services: Services) -> Iterator[str]:
    """A gateway over what was published."""
    with serving(services) as url:
        yield url


@pytest.fixture(scope="module")
def browser(launch_chromium: Callable[..., Browser]) -> Browser:
    return launch_chromium("--autoplay-policy=no-user-gesture-required")


def watch(browser: Browser, gateway: str, address: str, player: str, script: str) -> Iterator[Page]:
    """Play the address with that player in a page of its own."""
    page = browser.new_page()

    def answer(route: Route) -> None:
        is_script = route.request.url.endswith(".js")
        body = script if is_script else PAGE % (address, STARTERS[player])
        route.fulfill(body=body, content_type="text/javascript" if is_script else "text/html")

    page.route(f"{gateway}/player.*", answer)
    page.goto(f"{gateway}/player.html")
    yield page
    page.close()


@pytest.mark.parametrize(
    ("player", "kind"),
    [("hls.js", "hls"), ("native", "hls"), ("shaka", "hls"), ("shaka", "dash"), ("dash.js", "dash")],
)
def test_a_published_clip_plays_in_all_its_sizes(
    browser: Browser, gateway: str, players: Mapping[str, str], published: ClipRecord, player: str, kind: str
) -> None:
    address = f"{gateway}/media/clips/{NAME}/{published.hls if kind == 'hls' else published.dash}"
    for page in watch(browser, gateway, address, player, players[player]):
        if player == "native" and not page.evaluate("video.canPlayType('application/vnd.apple.mpegurl')"):
            pytest.skip("this Chromium has no HLS player of its own")
        page.wait_for_function("faults.length || (heights && video.currentTime > 1.5)", timeout=60_000)
        assert page.evaluate("faults") == []
        assert sorted(page.evaluate("heights()")) == (HEIGHTS if player != "native" else [])
        start, end = page.evaluate("[video.buffered.start(0), video.buffered.end(video.buffered.length - 1)]")
        assert start == pytest.approx(0, abs=0.03), "sound and picture begin at 0"
        assert page.evaluate("video.duration") == pytest.approx(6, abs=0.1)
        page.evaluate("video.currentTime = 5")
        page.wait_for_function("faults.length || video.ended || video.currentTime > 5.5", timeout=60_000)
        assert page.evaluate("faults") == []
        assert page.evaluate("video.getVideoPlaybackQuality().totalVideoFrames") > 25
        assert page.evaluate("video.webkitAudioDecodedByteCount") > 0
        assert end > 1.5


@pytest.fixture(scope="module")
def captioned_clip(services: Services, tmp_path_factory: pytest.TempPathFactory) -> ClipRecord:
    """Six seconds with captions in two languages, and others inside the picture, which begins before 0 for decoders."""
    folder = tmp_path_factory.mktemp("clips")
    tracks = [("vie", "mov_text", "Xin chào"), ("eng", "mov_text", "Hello")]
    text = captioned.text_tracks(folder / "text.mp4", tracks)
    inside = captioned.line_21(folder / "inside.mp4", {1: "HELLO NEWS"})
    inputs = ("-i", str(inside), "-i", str(text), "-map", "0:v", "-map", "1:a", "-map", "1:s")
    clip = clips.make(
        folder / "both.mp4", *inputs, "-c", "copy", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"
    )
    return publish(services, putting(services), clip, CAPTIONED)


@pytest.mark.parametrize(
    ("player", "kind"), [("hls.js", "hls"), ("shaka", "hls"), ("shaka", "dash"), ("dash.js", "dash")]
)
def test_a_player_lists_all_programmes_and_shows_the_chosen_one_in_step(
    browser: Browser, gateway: str, players: Mapping[str, str], captioned_clip: ClipRecord, player: str, kind: str
) -> None:
    address = f"{gateway}/media/clips/{CAPTIONED}/{captioned_clip.hls if kind == 'hls' else captioned_clip.dash}"
    for page in watch(browser, gateway, address, player, players[player]):
        page.wait_for_function("heights && video.currentTime > 0.2", timeout=60_000)
        listed = page.evaluate(LISTED[player])
        assert [name for name, _ in listed] == ["Tiếng Việt", "English", "Captions"]
        assert [language for _, language in listed][:2] == ["vi", "en"]
        page.evaluate(f"() => {{ {CHOOSE[player]} }}")
        page.wait_for_function(f"{SHOWN}.length >= 1", timeout=60_000)
        assert page.evaluate("faults") == []
        assert page.evaluate(SHOWN)[0] == pytest.approx([1, 2.5], abs=0.1)


def test_the_media_types_are_those_that_players_ask_for(
    gateway: str, browser: Browser, captioned_clip: ClipRecord
) -> None:
    page = browser.new_page()
    base = f"{gateway}/media/clips/{CAPTIONED}"
    for caption in captioned_clip.captions:
        answer = page.request.get(f"{base}/{caption.url}")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/vtt; charset=utf-8")
        answer = page.request.get(f"{base}/{caption.url.rpartition('/')[0]}/index.m3u8")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/vnd.apple.mpegurl")
    page.close()
