"""Messages of Amazon SNS: what one says, which addresses it may name, and the text that its signature covers. Pure.

A topic's ARN, which comes from the settings, decides which host a message may send us to; the message does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit

from tasks.errors import SourceRejected

Kind = Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
Digest = Literal["sha1", "sha256"]

_SIGNED: Final[Mapping[Kind, tuple[str, ...]]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
# AWS names its certificates so; any other path of the host might answer with something that a stranger chose.
_CERTIFICATE_PATH: Final = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]{8,64}\.pem")
_DIGESTS: Final[Mapping[str, Digest]] = {"1": "sha1", "2": "sha256"}


@dataclass(frozen=True, kw_only=True)
class SnsMessage:
    """A message of a topic that we know, not yet verified.

    ``signed_text`` is what ``signature`` (base64) signs, by RSA with PKCS #1 v1.5 padding over ``digest``; the public
    key is in the X.509 certificate (PEM) at ``certificate_url``, an address of AWS.
    """

    kind: Kind
    topic: str
    message: str
    signed_text: bytes
    signature: str
    digest: Digest
    certificate_url: str
    subscribe_url: str | None


def read_message(body: bytes, topics: Collection[str]) -> SnsMessage:
    """The message of one of these topics.

    Raises:
        SourceRejected: ``sns_unreadable`` (no message of SNS), ``sns_unknown_topic``, or ``sns_foreign_address`` (it
            names a certificate or a subscription that is not its own region's).
    """
    fields = _fields(body)
    topic, told = fields.get("TopicArn", ""), fields.get("Type", "")
    if topic not in topics:
        raise SourceRejected(
            "sns_unknown_topic", "This topic is not one of those in NEWSREEL_SNS_TOPIC_ARNS.", topic[:300]
        )
    digest = _DIGESTS.get(fields.get("SignatureVersion", ""))
    kind = next((each for each in _SIGNED if each == told), None)
    wanted = _SIGNED[kind] if kind is not None else ()
    missing = [name for name in (*wanted, "Signature") if name not in fields and name != "Subject"]
    if digest is None or kind is None or missing:
        raise _unreadable(
            f"Type {told[:80]!r}, SignatureVersion {fields.get('SignatureVersion', '')[:8]!r}, without {missing}"
        )
    certificate_url = fields.get("SigningCertURL", "")
    if not is_certificate_url(certificate_url, topic):
        raise _foreign("SigningCertURL", certificate_url)
    subscribe_url = fields.get("SubscribeURL") if kind != "Notification" else None
    if subscribe_url is not None and not is_subscribe_url(subscribe_url, topic, fields["Token"]):
        raise _foreign("SubscribeURL", subscribe_url)
    return SnsMessage(
        kind=kind,
        topic=topic,
        message=fields["Message"],
        signed_text="".join(f"{name}\n{fields[name]}\n" for name in wanted if name in fields).encode(),
        signature=fields["Signature"],
        digest=digest,
        certificate_url=certificate_url,
        subscribe_url=subscribe_url,
    )


def is_certificate_url(url: str, topic: str) -> bool:
    """Whether SNS of the topic's region keeps a signing certificate there."""
    return _path_at(url, topic) is not None and bool(_CERTIFICATE_PATH.fullmatch(str(_path_at(url, topic))))


def is_subscribe_url(url: str, topic: str, token: str) -> bool:
    """Whether SNS of the topic's region confirms, at that address, a subscription to this topic and no other."""
    path = _path_at(url.partition("?")[0], topic)
    asked = parse_qs(url.partition("?")[2], keep_blank_values=True)
    return path in ("", "/") and asked == {
        "Action": ["ConfirmSubscription"],
        "TopicArn": [topic],
        "Token": [token],
    }


def _path_at(url: str, topic: str) -> str | None:
    """The path of an address without query at ``https://sns.<the topic's region>``; None for every other."""
    partition, region = topic.split(":")[1], topic.split(":")[3]
    start = f"https://sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"
    rest = url.removeprefix(start)
    # Compared as text, so that no two readers of URLs can disagree on which host it is.
    is_plain = rest != url and (rest == "" or rest.startswith("/")) and re.fullmatch(r"[\w./-]*", rest, re.ASCII)
    return urlsplit(url).path if is_plain else None


def _fields(body: bytes) -> dict[str, str]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"not readable as JSON: {str(error)[:200]}") from error
    if not isinstance(value, dict):
        raise _unreadable("not a JSON object")
    fields = {name: each for name, each in value.items() if isinstance(each, str)}
    try:
        "".join(fields.values()).encode()
    except UnicodeEncodeError as error:  # JSON can spell halves of characters.
        raise _unreadable("not text") from error
    return fields


def _unreadable(detail: str) -> SourceRejected:
    return SourceRejected("sns_unreadable", "This is not a message of Amazon SNS.", detail)


def _foreign(field: str, url: str) -> SourceRejected:
    message = f"The message's {field} is not an address of the topic's own region at AWS."
    return SourceRejected("sns_foreign_address", message, ascii(url)[:300])
