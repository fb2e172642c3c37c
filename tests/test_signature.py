"""Signed messages: those of Standard Webhooks' own example, and nothing that was changed on its way."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import signature

# The example of the Standard Webhooks specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT_AT_S = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(**changed: str) -> dict[str, str]:
    given_ = {"webhook-id": ID, "webhook-timestamp": str(SENT_AT_S), "webhook-signature": SIGNATURE}
    return {**given_, **{f"webhook-{name}": value for name, value in changed.items()}}


def test_the_specifications_example_is_signed_and_genuine() -> None:
    assert signature.signed_headers(SECRET, message_id=ID, body=BODY, now_s=SENT_AT_S + 0.9) == headers()
    assert signature.is_genuine(SECRET, headers(), BODY, now_s=SENT_AT_S)


@pytest.mark.parametrize("late_s", [-signature.TOLERANCE_S, signature.TOLERANCE_S])
def test_clocks_may_be_five_minutes_apart_and_no_more(late_s: int) -> None:
    assert signature.is_genuine(SECRET, headers(), BODY, now_s=SENT_AT_S + late_s)
    assert not signature.is_genuine(SECRET, headers(), BODY, now_s=SENT_AT_S + late_s * 1.01)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "msg_other"},
        {"id": ""},
        {"timestamp": str(SENT_AT_S + 1)},
        {"timestamp": "1e9"},
        {"timestamp": "-1"},
        {"timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"signature": ""},
        {"signature": SIGNATURE.removeprefix("v1,")},
        {"signature": SIGNATURE.replace("v1,", "v1a,")},
        {"signature": "v1,ký"},
    ],
)
def test_a_header_that_is_not_as_it_was_sent_is_not_genuine(changed: dict[str, str]) -> None:
    assert not signature.is_genuine(SECRET, headers(**changed), BODY, now_s=SENT_AT_S)


def test_another_body_or_another_secret_is_not_genuine() -> None:
    assert not signature.is_genuine(SECRET, headers(), BODY + b" ", now_s=SENT_AT_S)
    assert not signature.is_genuine("another-secret-of-ours", headers(), BODY, now_s=SENT_AT_S)
    assert not signature.is_genuine("", headers(), BODY, now_s=SENT_AT_S)


def test_while_a_secret_is_replaced_either_one_is_enough() -> None:
    new = "a new secret, long enough".replace(" ", "-")
    both = signature.signed_headers(f"{new} {SECRET}", message_id=ID, body=BODY, now_s=SENT_AT_S)
    assert len(both["webhook-signature"].split()) == 2
    assert signature.is_genuine(SECRET, both, BODY, now_s=SENT_AT_S)
    assert signature.is_genuine(f"{new} {SECRET}", headers(), BODY, now_s=SENT_AT_S)


@given(key=st.binary(min_size=16, max_size=64), message_id=st.uuids().map(str), body=st.binary(max_size=200))
def test_what_was_signed_is_genuine_and_a_flipped_bit_is_not(key: bytes, message_id: str, body: bytes) -> None:
    secret = f"whsec_{base64.b64encode(key).decode()}"
    sent = signature.signed_headers(secret, message_id=message_id, body=body, now_s=SENT_AT_S)
    assert signature.is_genuine(secret, sent, body, now_s=SENT_AT_S)
    flipped = bytes([(body or b"\0")[0] ^ 1]) + body[1:]
    assert not signature.is_genuine(secret, sent, flipped, now_s=SENT_AT_S)


@given(
    texts=st.fixed_dictionaries(
        {name: st.text(max_size=40) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    )
)
def test_headers_of_any_text_are_an_answer_not_an_error(texts: dict[str, str]) -> None:
    assert not signature.is_genuine(SECRET, texts, BODY, now_s=SENT_AT_S)


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_", "whsec_c2hvcnQ=", "short"])
def test_a_secret_that_is_none_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(ValueError, match="a webhook secret") as refused:
        signature.keys_of(secret)
    assert secret.removeprefix("whsec_") not in str(refused.value) or secret in ("short", "whsec_")
