"""What a page would fetch from a host when it is opened: the book must not."""

import re

# A link that a reader may follow is no such thing.
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object|image|use)\b[^>]*?\b(?:src|srcset|data|href)\s*=\s*["']?
    (?:https?:)?//[^"'\s>]*|<link\b[^>]*?\bhref\s*=\s*["']?(?:https?:)?//[^"'\s>]*|@import[^;]*//[^;]*
    |url\(\s*["']?(?:https?:)?//[^)]*""",
    re.IGNORECASE | re.VERBOSE,
)


def fetched(page: str) -> list[str]:
    """The resources of a page, style sheet or drawing that come from a host."""
    return [" ".join(found.split()) for found in FETCHED.findall(page)]
