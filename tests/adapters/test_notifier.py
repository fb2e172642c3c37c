"""Sending one webhook to real servers: signed, bounded in time, and following nobody; and how endpoints are written."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tasks.adapters import notifier
from tasks.adapters.clock import utc_now
from tasks.adapters.endpoints import Endpoint, read_endpoints
from tasks.errors import ConfigurationError
from tests import servers
from tests.receiver import SECRET, answering, hanging, receiver

BODY = '{"type":"clip.ready","data":{"name":"Đê 1"}}'


def endpoint(url: str) -> Endpoint:
    (made,) = read_endpoints(f'[[endpoint]]\nname = "portal"\nurl = "{url}"\nsecret = "{SECRET}"\n')
    return made


def send(url: str) -> notifier.Answer:
    return notifier.send(endpoint(url), webhook_id="msg_1_0", body=BODY)


def test_a_message_comes_signed_and_whole() -> None:
    with receiver() as portal:
        answer = send(portal.url)
    assert (answer.status, answer.error, answer.is_taken) == (200, "", True)
    (message,) = portal.messages
    assert message.is_genuine
    assert message.id == "msg_1_0"
    assert message.body["data"]["name"] == "Đê 1"


def test_a_redirect_is_not_followed() -> None:
    with receiver() as portal, receiver() as elsewhere:
        portal.conduct = [answering(307, Location=elsewhere.url)]
        answer = send(portal.url)
    assert (answer.status, answer.is_taken) == (307, False)
    assert elsewhere.messages == []


def test_an_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{servers.free_port()}")
    with receiver() as portal:
        assert send(portal.url).is_taken


def test_what_the_endpoint_asks_for_is_handed_on() -> None:
    with receiver() as portal:
        portal.conduct = [answering(429, Retry_After="17")]
        answer = send(portal.url)
    assert (answer.status, answer.retry_after) == (429, "17")


def test_silence_ends_in_words_after_the_time_that_it_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier, "TOTAL_S", 0.4)
    with receiver() as portal:
        portal.conduct = [hanging(60)]
        answer = send(portal.url)
    assert (answer.status, answer.error) == (None, "The endpoint did not answer in time.")
    assert answer.took_s < 10


@contextmanager
def trickling() -> Iterator[str]:
    """A server that answers a byte at a time for ever, which no timeout of a socket notices."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as line:
                try:
                    line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while True:
                        line.sendall(b"x")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join()


def test_an_answer_that_trickles_in_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier, "TOTAL_S", 0.4)
    with trickling() as url:
        answer = send(url)
    assert (answer.status, answer.error) == (None, "The endpoint did not answer in time.")


def test_whatever_goes_wrong_is_told_without_the_url() -> None:
    told = [send(f"http://127.0.0.1:{servers.free_port()}/?token=of-the-url")]
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def be_rude() -> None:
            with listening.accept()[0] as line:
                line.recv(65536)
                line.sendall(b"SSH-2.0-of-another-kind\r\n")

        thread = threading.Thread(target=be_rude)
        thread.start()
        told.append(send(f"http://127.0.0.1:{listening.getsockname()[1]}/?token=of-the-url"))
        thread.join()
    with receiver() as portal:
        told.append(send(portal.url.replace("http://127.0.0.1", "https://localhost")))
        portal.conduct = [hanging(0)]
        told.append(send(portal.url))
    assert [each.status for each in told] == [None] * 4
    assert told[0].error == "The endpoint refused the connection."
    assert told[1].error == "The endpoint's answer is not HTTP: BadStatusLine."
    assert told[2].error.startswith("TLS with the endpoint failed")
    assert told[3].error == "The endpoint broke the connection off."
    assert not any("of-the-url" in each.error or SECRET in each.error for each in told)


def self_signed(folder: Path) -> Path:
    """A certificate for localhost, and its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), utc_now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "certificate.pem"
    path.write_bytes(certificate.public_bytes(pem) + key.private_bytes(pem, *plain))
    return path


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    told: list[notifier.Answer] = []
    for trusted in (ssl.create_default_context(), ssl.create_default_context(cafile=str(certificate))):
        monkeypatch.setattr(notifier, "_tls", lambda trusted=trusted: trusted)
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def serve(listening: socket.socket = listening) -> None:
                line, _ = listening.accept()
                try:
                    with context.wrap_socket(line, server_side=True) as secured:
                        # The body may come by itself; unread, it would break the answer off.
                        with secured.makefile("rb") as request:
                            request.readline()
                            request.read(int(http.client.parse_headers(request)["Content-Length"]))
                        secured.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                except OSError:
                    return
                finally:
                    line.close()

            thread = threading.Thread(target=serve)
            thread.start()
            told.append(send(f"https://localhost:{listening.getsockname()[1]}/"))
            thread.join()
    assert [each.status for each in told] == [None, 204]
    assert told[0].error.startswith("The endpoint's certificate can't be trusted")


GOOD = f'[[endpoint]]\nname = "portal"\nurl = "https://portal.example/hook"\nsecret = "{SECRET}"\n'


def test_endpoints_are_read_from_toml(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n", encoding="utf-8")
    more = (
        f'[[endpoint]]\nname = "desk"\nurl = "http://[::1]:8000/"\nsecret_file = "{secret}"\nevents = ["article.*"]\n'
    )
    portal, desk = read_endpoints(GOOD + more)
    assert portal.wants("clip.ready")
    assert desk.wants("article.complete")
    assert desk.wants("newsreel.ping")
    assert not desk.wants("clip.ready")
    assert portal.key_text == desk.key_text == SECRET
    assert read_endpoints("") == ()
    assert read_endpoints(GOOD.replace("https://", "http://") + "allow_http = true\n")[0].allow_http
    assert portal.state().fingerprint != desk.state().fingerprint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("endpoint", "not TOML"),
        ('url = "https://a"', "[[endpoint]]"),
        (GOOD + GOOD, "two endpoints are named “portal”"),
        (GOOD.replace("https://", "http://"), "allow_http"),
        (GOOD.replace("https://", "ftp://"), "endpoint 1: url: expected https://HOST/PATH"),
        (GOOD.replace("portal.example", "user:word@portal.example"), "url: expected neither a user"),
        (GOOD.replace("/hook", "/a b"), "url: has letters"),
        (GOOD.replace("/hook", ":99999/"), "url:"),
        (GOOD.replace('"portal"', '"Portal/.."'), "name:"),
        (GOOD.replace(SECRET, "short-secret"), "secret has at least 16 bytes"),
        (GOOD.replace(SECRET, ""), "secret: expected either"),
        (GOOD + 'secret_file = "/nowhere/secret"\n', "secret: expected either"),
        (GOOD.replace(f'secret = "{SECRET}"', 'secret_file = "/nowhere/secret"'), "secret_file: No such file"),
        (GOOD + 'events = ["clip.redy"]\n', "“clip.redy” is no event; there are clip.received"),
        (GOOD + "evnets = []\n", "evnets:"),
    ],
)
def test_a_mistake_is_named_without_what_is_secret(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_endpoints(text)
    assert told in str(refused.value)
    assert SECRET not in str(refused.value)
    assert "short-secret" not in str(refused.value)


def test_no_repr_shows_the_secret_or_the_url() -> None:
    (portal,) = read_endpoints(GOOD.replace("/hook", "/hook?token=of-the-url"))
    assert SECRET not in repr(portal)
    assert "of-the-url" not in repr(portal)
    assert urlsplit(portal.state().origin).path == ""
    assert "of-the-url" not in portal.state().model_dump_json()
