"""Keep secrets out of text: known values in every spelling they travel in, and values that stand beside a telling name.

It works on the rendered line, after every formatter. Masking field by field leaks what is nested, and tracebacks.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "**********"

# A value beside one of these names is a secret even when no setting holds it: a header echoed by a library, say.
_TELLING: Final = re.compile(
    r"""(?ix)
    (?P<name> \\* ["']? \b [\w-]* (?: secret | passw(?:or)?d | token | api[_-]?key | authorization ) [\w-]* \\* ["']?
      \s* [:=] \s* (?: (?:bearer|basic) \s+ )? )
    (?: (?P<open> \\* ["'] ) (?P<quoted> (?: (?! \\* ["'] ) . )* ) (?P<close> \\* ["'] )
      | (?! null \b | none \b | true \b | false \b ) (?P<bare> [^\s,;&"'})\]\\]+ ) )
    """
)


class SecretMask:
    """Replaces secrets in text; built once from the values the settings hold."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        # The longest first: a secret that begins with another one must not leave its tail behind.
        alternatives = "|".join(re.escape(spelling) for spelling in sorted(spellings, key=lambda s: (-len(s), s)))
        self._known = re.compile(alternatives) if alternatives else None

    def __call__(self, text: str) -> str:
        """Return the text with each known secret, and each value beside a telling name, replaced."""
        return _TELLING.sub(_masked, self.without_known(text))

    def without_known(self, text: str) -> str:
        """Return the text with each known secret replaced and all else as it was, so that JSON keeps its types."""
        return text if self._known is None else self._known.sub(MASK, text)


def _masked(match: re.Match[str]) -> str:
    if match["bare"] is None:
        return match["name"] + match["open"] + MASK + match["close"]
    # A bare number in JSON becomes text, so that the line stays JSON.
    return match["name"] + (f'"{MASK}"' if match["name"].lstrip().startswith('"') else MASK)


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    raw = secret.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for lead in range(3):
            # A secret inside a longer base64 text (`user:secret`) starts at one of three offsets: its outermost
            # characters depend on the neighbours, the middle does not.
            encoded = encode(b"\0" * lead + raw).decode().rstrip("=")
            inner = encoded[(lead * 4 + 2) // 3 : len(encoded) - (1 if (lead + len(raw)) % 3 else 0)]
            if len(inner) >= 8:
                yield inner
    yield raw.hex()
