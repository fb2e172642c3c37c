"""SNS: only configured topics, only their own region's addresses, only what AWS signed."""

from __future__ import annotations

import base64
import datetime
import json
from contextlib import suppress
from typing import Any, Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tasks.adapters.sns import SnsTopics
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.sns import is_certificate_url, is_subscribe_url, read_message

TOPIC = "arn:aws:sns:eu-west-1:123456789012:uploads"
HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE_URL = f"{HOST}/SimpleNotificationService-60eadc530605d63b8e62a523676ef735.pem"
TOKEN = "2336412f37fb687f5d51e6e241d09c805a5a57b30d712f7948a98bac386edfe3"
SUBSCRIBE_URL = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={TOKEN}"
DAY = datetime.timedelta(days=1)


class Aws:
    """An AWS of our own: it signs messages, and keeps the certificate, signed by a CA, to verify them by."""

    def __init__(self, *, valid_for: datetime.timedelta = DAY) -> None:
        ca_key, self._key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
        now = datetime.datetime.now(datetime.UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A CA of the tests")]))
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * DAY)
            .not_valid_after(now + valid_for)
            .sign(ca_key, hashes.SHA256())
        )
        self.pages = {CERTIFICATE_URL: certificate.public_bytes(serialization.Encoding.PEM)}
        self.fetched: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if url in self.pages:
            return self.pages[url]
        if url == SUBSCRIBE_URL:
            return b"<ConfirmSubscriptionResponse/>"
        raise AssertionError(f"{url} was fetched")

    def message(self, version: Literal["1", "2"] = "2", **changed: str) -> dict[str, Any]:
        """A message, signed as AWS documents it for each kind."""
        fields = {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Message": '{"Records": []}',
            "Timestamp": "2026-11-23T05:00:00.000Z",
            **changed,
        }
        names = sorted(fields)
        text = "".join(f"{name}\n{fields[name]}\n" for name in names).encode()
        digest = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303
        signature = base64.b64encode(self._key.sign(text, padding.PKCS1v15(), digest)).decode()
        return {
            **fields,
            "SignatureVersion": version,
            "Signature": signature,
            "SigningCertURL": CERTIFICATE_URL,
            "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe&SubscriptionArn={TOPIC}:1",
        }

    def confirmation(self, **changed: str) -> dict[str, Any]:
        return self.message(
            **{"Type": "SubscriptionConfirmation", "Token": TOKEN, "SubscribeURL": SUBSCRIBE_URL, **changed}
        )


@pytest.fixture(scope="module")
def shared_aws() -> Aws:
    """One for the module: its keys take a moment."""
    return Aws()


@pytest.fixture
def aws(shared_aws: Aws) -> Aws:
    shared_aws.fetched.clear()
    return shared_aws


def received(aws: Aws, message: object, *topics: str) -> str | None:
    return SnsTopics(topics or (TOPIC,), aws.fetch).receive(json.dumps(message).encode())


def refusal(aws: Aws, message: object) -> str:
    with pytest.raises(SourceRejected) as refused:
        received(aws, message)
    return refused.value.code


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_notification_that_aws_signed_gives_its_text(aws: Aws, version: Literal["1", "2"]) -> None:
    assert received(aws, aws.message(version)) == '{"Records": []}'
    assert received(aws, aws.message(version, Subject="Tin Đê")) == '{"Records": []}'
    assert aws.fetched == [CERTIFICATE_URL] * 2


def test_a_certificate_is_fetched_once(aws: Aws) -> None:
    topics = SnsTopics((TOPIC,), aws.fetch)
    for _ in range(3):
        topics.receive(json.dumps(aws.message()).encode())
    assert aws.fetched == [CERTIFICATE_URL]


def test_a_subscription_to_our_topic_is_confirmed_where_aws_says(aws: Aws) -> None:
    assert received(aws, aws.confirmation()) is None
    assert aws.fetched == [CERTIFICATE_URL, SUBSCRIBE_URL]


def test_the_end_of_a_subscription_is_not_answered_by_subscribing_again(aws: Aws) -> None:
    assert received(aws, aws.confirmation(Type="UnsubscribeConfirmation")) is None
    assert aws.fetched == [CERTIFICATE_URL]


def test_a_confirmation_that_aws_does_not_answer_is_to_be_sent_again(aws: Aws) -> None:
    def away(url: str) -> bytes:
        if url == SUBSCRIBE_URL:
            raise TemporarilyUnavailable("sns_unavailable", "Amazon SNS does not answer.")
        return aws.fetch(url)

    with pytest.raises(TemporarilyUnavailable):
        SnsTopics((TOPIC,), away).receive(json.dumps(aws.confirmation()).encode())


def test_messages_of_other_topics_are_refused_before_anything_is_fetched(aws: Aws) -> None:
    for other in ("arn:aws:sns:eu-west-1:999999999999:uploads", TOPIC + "2", ""):
        assert refusal(aws, aws.confirmation(TopicArn=other)) == "sns_unknown_topic"
    assert aws.fetched == []


@pytest.mark.parametrize(
    "change",
    [
        {"Message": '{"Records": [{}]}'},
        {"Timestamp": "2027-01-01T00:00:00.000Z"},
        {"Subject": "added"},
        {"Signature": base64.b64encode(bytes(256)).decode()},
        {"Signature": "no base64"},
        {"SignatureVersion": "1"},
    ],
)
def test_a_message_that_was_changed_is_forged(aws: Aws, change: dict[str, str]) -> None:
    assert refusal(aws, {**aws.message(), **change}) == "sns_forged"


def test_a_confirmation_is_not_answered_before_its_signature_was_seen_to_fit(aws: Aws) -> None:
    assert refusal(aws, {**aws.confirmation(), "Message": "another"}) == "sns_forged"
    assert aws.fetched == [CERTIFICATE_URL]


def test_a_stale_certificate_proves_nothing() -> None:
    stale = Aws(valid_for=-DAY)
    assert refusal(stale, stale.message()) == "sns_forged"


def test_a_page_that_is_no_certificate_is_not_kept(aws: Aws) -> None:
    pages = [b"<html>", aws.pages[CERTIFICATE_URL]]
    topics = SnsTopics((TOPIC,), lambda _url: pages.pop(0))
    body = json.dumps(aws.message()).encode()
    with pytest.raises(SourceRejected):
        topics.receive(body)
    assert topics.receive(body) == '{"Records": []}'


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-60eadc530605d63b.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-60eadc530605d63b.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-60eadc530605d63b.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-60eadc530605d63b.pem",
        "https://sns.eu-west-1.amazonaws.com\\@evil.example/SimpleNotificationService-60eadc530605d63b.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-60eadc530605d63b.pem",
        "https://evil.s3.eu-west-1.amazonaws.com/SimpleNotificationService-60eadc530605d63b.pem",
        "https://SNS.eu-west-1.amazonaws.com/SimpleNotificationService-60eadc530605d63b.pem",
        "https://sns.eu-west-1.amazonaws.com.cn/SimpleNotificationService-60eadc530605d63b.pem",
        f"{CERTIFICATE_URL}?x=1",
        f"{CERTIFICATE_URL}#x",
        f"{CERTIFICATE_URL}\n",
        f"{HOST}/../SimpleNotificationService-60eadc530605d63b.pem",
        f"{HOST}/?Action=ListTopics",
        f"{HOST}//evil.example/SimpleNotificationService-60eadc530605d63b.pem",
        HOST,
        "",
    ],
)
def test_a_certificate_comes_from_the_topics_own_region_at_aws_only(aws: Aws, url: str) -> None:
    assert not is_certificate_url(url, TOPIC)
    assert refusal(aws, {**aws.message(), "SigningCertURL": url}) == "sns_foreign_address"
    assert aws.fetched == []


def test_chinas_regions_have_hosts_of_their_own() -> None:
    topic = "arn:aws-cn:sns:cn-north-1:123456789012:uploads"
    path = "SimpleNotificationService-60eadc530605d63b8e62a523676ef735.pem"
    assert is_certificate_url(f"https://sns.cn-north-1.amazonaws.com.cn/{path}", topic)
    assert not is_certificate_url(f"https://sns.cn-north-1.amazonaws.com/{path}", topic)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        SUBSCRIBE_URL.replace("https", "http"),
        SUBSCRIBE_URL.replace("eu-west-1.amazonaws.com", "eu-west-1.amazonaws.com.evil.example"),
        SUBSCRIBE_URL.replace("ConfirmSubscription", "Publish"),
        SUBSCRIBE_URL.replace(f"TopicArn={TOPIC}", "TopicArn=arn:aws:sns:eu-west-1:999999999999:other"),
        SUBSCRIBE_URL.replace(f"Token={TOKEN}", "Token=other"),
        SUBSCRIBE_URL + "&AuthenticateOnUnsubscribe=true",
        SUBSCRIBE_URL + "&Token=other",
        SUBSCRIBE_URL.replace("/?", "/other?"),
    ],
)
def test_a_subscription_is_confirmed_at_no_other_address(aws: Aws, url: str) -> None:
    assert not is_subscribe_url(url, TOPIC, TOKEN)
    assert refusal(aws, aws.confirmation(SubscribeURL=url)) == "sns_foreign_address"
    assert aws.fetched == []


@given(
    st.recursive(
        st.none() | st.text(max_size=20) | st.integers(),
        lambda inner: st.dictionaries(
            st.sampled_from(
                ["Type", "TopicArn", "Message", "SigningCertURL", "Signature", "SignatureVersion", "Token"]
            ),
            inner | st.sampled_from([TOPIC, "Notification", "SubscriptionConfirmation", "1", "2", CERTIFICATE_URL]),
        ),
        max_leaves=9,
    )
)
def test_any_json_is_a_message_or_refused(value: object) -> None:
    with suppress(SourceRejected):
        assert read_message(json.dumps(value).encode(), {TOPIC}).topic == TOPIC


@pytest.mark.parametrize("body", [b"", b"[" * 100_000, b'{"TopicArn": "\\ud800"}', b"\xff", b"[]", b"1"])
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(SourceRejected):
        read_message(body, {TOPIC})
