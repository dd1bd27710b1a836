"""Pages say species where not all that a network knows are birds."""

import re

from jinja2.ext import Extension

# What a page's reader does not see: tags of templates and of HTML.
_UNSEEN = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<[^>]*>)", re.DOTALL)
_BIRD = re.compile(r"\b([Bb])irds?\b")
BIRDS = "birds"


def in_words(text: str, are: str) -> str:
    """A text about birds, in words for what they are.

    >>> in_words("Birds it knows, bird by bird", "species")
    'Species it knows, species by species'
    """
    return text if are == BIRDS else _BIRD.sub(lambda found: "Species" if found[1] == "B" else "species", text)


class OfSpecies(Extension):
    """Has the templates of pages speak of species; what is code stays."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source of a template with other words between its tags."""
        if not (name or "").endswith(".html"):
            return source
        parts = _UNSEEN.split(source)
        return "".join(part if _UNSEEN.fullmatch(part) else in_words(part, "species") for part in parts)
