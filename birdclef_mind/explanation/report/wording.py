"""Pages say species where not all that a network knows are birds."""

import re

from jinja2.ext import Extension

# What a page's reader does not see: tags of templates and of HTML.
_UNSEEN = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<[^>]*>)", re.DOTALL)
# Of tags of templates, though, sentences in quotes are read; names in quotes have no space in them.
_QUOTED = re.compile(r'"[^"]*"')
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
        return "".join(_of_species(part) for part in parts)


def _of_species(part: str) -> str:
    if not _UNSEEN.fullmatch(part):
        return in_words(part, "species")
    if part.startswith("<"):
        return part
    return _QUOTED.sub(lambda found: in_words(found[0], "species") if " " in found[0] else found[0], part)
