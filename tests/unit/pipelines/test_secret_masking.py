import base64
import json
from urllib.parse import quote, quote_plus

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.secret_masking import MASK, SecretMask

CANARY = "c4n4ry/+&%\"'\\ key=\u00e9"


def test_a_known_secret_is_replaced_as_it_stands():
    assert SecretMask([CANARY])(f"sent {CANARY} away") == f"sent {MASK} away"


def test_a_known_secret_is_replaced_in_a_url():
    mask = SecretMask([CANARY])
    assert mask(f"/orders?k={quote(CANARY)}") == f"/orders?k={MASK}"
    assert mask(f"/orders?k={quote(CANARY, safe='')}") == f"/orders?k={MASK}"
    assert mask(f"/orders?k={quote_plus(CANARY)}") == f"/orders?k={MASK}"


def test_a_known_secret_is_replaced_inside_json_and_repr():
    mask = SecretMask([CANARY])
    assert mask(json.dumps({"a": [{"b": CANARY}]})) == json.dumps({"a": [{"b": MASK}]})
    assert mask(repr({"a": CANARY + "'"})).count(MASK) == 1


@given(secret=st.text(min_size=9, max_size=40), before=st.binary(max_size=7), after=st.binary(max_size=7))
@settings(deadline=None, max_examples=60)
def test_a_secret_of_ascii_or_not_leaves_no_run_of_itself_in_base64(secret, before, after):
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    assert MASK in SecretMask([secret])(encoded)


def test_the_longer_of_two_secrets_leaves_no_tail():
    assert SecretMask(["abcdef", "abcdefghij"])("abcdefghij") == MASK


def test_a_value_beside_a_telling_name_is_masked_though_unknown():
    mask = SecretMask([])
    assert mask('{"api_key": "abc", "rows": 5}') == f'{{"api_key": "{MASK}", "rows": 5}}'
    assert mask("Authorization: Bearer abc.def") == f"Authorization: Bearer {MASK}"
    assert mask("{'password': 'x y', 'ok': 1}") == f"{{'password': '{MASK}', 'ok': 1}}"
    assert mask(r'{"event": "{\"secret\": \"abc\"}"}') == rf'{{"event": "{{\"secret\": \"{MASK}\"}}"}}'


def test_masked_json_is_still_json():
    assert json.loads(SecretMask([])('{"token": 12345, "secret": null}')) == {"token": MASK, "secret": None}


def test_plain_words_stay():
    text = "the token was refused, 12 rows kept"
    assert SecretMask([])(text) == text
