"""Signatures against Twilio's own validator, and forgeries."""

from __future__ import annotations

import warnings

from hypothesis import assume, given
from hypothesis import strategies as st

from notifier.channels.sms import Callbacks, CallbackUrls, parse_form
from notifier.channels.sms.signature import genuine, sign
from notifier.keys import Keys

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from twilio.request_validator import RequestValidator

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
FORMS = st.dictionaries(TEXT, TEXT, max_size=8)
URLS = st.sampled_from(
    ["https://n.example.com/sms/x", "https://n.example.com:8443/a?b=c", "https://n.example.com:443/",
     "http://127.0.0.1:8080/sms/status/a-1-b"]
)  # fmt: skip
TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(TOKENS, URLS, FORMS)
def test_ours_is_twilios_signature(token: str, url: str, form: dict[str, str]) -> None:
    """Over any URL and form, with and without the port."""
    validator = RequestValidator(token)
    made = sign(token, url, list(form.items()))
    assert made == validator.compute_signature(url, form)
    assert genuine([token], url, list(form.items()), made)
    assert validator.validate(url, form, made)


@given(TOKENS, URLS, FORMS, st.sampled_from(["value", "name", "url", "token", "signature"]), st.data())
def test_any_change_is_noticed(token, url, form, changed, data) -> None:
    """One changed character of a value, a name, the address, the token or the signature is a forgery."""
    assume(form or changed in ("url", "token", "signature"))
    made = sign(token, url, list(form.items()))
    pairs = list(form.items())
    if changed in ("value", "name"):
        place = data.draw(st.integers(0, len(pairs) - 1))
        name, value = pairs[place]
        pairs[place] = (name, value + "x") if changed == "value" else (name + "x", value)
        # "a" + "bx" and "ab" + "x" are the same text to Twilio's scheme.
        assume("".join(map("".join, sorted(set(pairs)))) != "".join(map("".join, sorted(form.items()))))
    url, token = (url + "x" if changed == "url" else url), (token + "x" if changed == "token" else token)
    made = "A" + made if changed == "signature" else made
    assert not genuine([token], url, pairs, made)


@given(st.binary(max_size=300), st.text(max_size=60), st.text(max_size=60))
def test_nothing_hostile_raises(body: bytes, target: str, signature: str) -> None:
    """Any bytes as a body, any target, any signature: not genuine, and no error."""
    callbacks = Callbacks(CallbackUrls(Keys(b"m" * 32, b"i" * 32, b"t" * 32), "https://n.example.com"), ["t"])
    form = parse_form(body)
    assert form is None or callbacks.read(target, form, signature) is None


@given(st.lists(st.tuples(st.sampled_from(["MessageSid", "MessageStatus", "SmsStatus", "ErrorCode", "To",
                                           "From", "Body", "OptOutType"]),
                          TEXT | st.sampled_from(["SM" + "0" * 32, "failed", "received", "30005", "STOP"])),
                max_size=12))  # fmt: skip
def test_nothing_genuine_raises_either(form) -> None:
    """Whatever stands in the fields of a signed report, in whatever order and number."""
    callbacks = Callbacks(CallbackUrls(Keys(b"m" * 32, b"i" * 32, b"t" * 32), "https://n.example.com"), ["t"])
    receipt = callbacks.read("/sms/inbound", form, sign("t", "https://n.example.com/sms/inbound", form))
    assert receipt is None or (receipt.key and len(receipt.text) <= 500)
