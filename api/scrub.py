"""Takes logins out of texts: what workers say, in case one of them did not, and what is said of a wrong setting. Pure."""

import re
from typing import Any

_WORD = re.compile(r"\S+")
_USERINFO = re.compile(r"(?<=://)[^/]*@|(?<=://).+@")
_SECRET = re.compile(
    r"((?:pass(?:word|wd|phrase)?|pwd|secret|token|auth|key|sig(?:nature)?)=)[^&\s'\"]+", re.IGNORECASE
)


def scrub_text(text: str) -> str:
    """A text without logins in its addresses.

    Examples:
        >>> scrub_text("rtsp://admin:s3cret@10.0.0.5/live?token=abc: no answer")
        'rtsp://***@10.0.0.5/live?token=*** no answer'
    """
    return _SECRET.sub(r"\1***", _WORD.sub(_without_login, text))


def scrub(value: Any) -> Any:
    """The same for every text within a JSON value.

    Examples:
        >>> scrub({"source": ["http://a:b@h/"]})
        {'source': ['http://***@h/']}
    """
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, dict):
        return {scrub_text(str(key)): scrub(item) for key, item in value.items()}
    if isinstance(value, list):
        return [scrub(item) for item in value]
    return value


def has_login(address: str) -> bool:
    """Whether an address carries a login, in its host part or in its query."""
    return scrub_text(address) != address


def _without_login(word: re.Match[str]) -> str:
    # Only up to its last @: beyond, each "://" would be followed to the end in vain, and a text of many took minutes.
    upto, at, rest = word[0].rpartition("@")
    return _USERINFO.sub("***@", upto + at) + rest
