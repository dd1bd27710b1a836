"""On what terms the weights of known models may be used, as an engineer reads their licences, and what they heard."""

from birdclef_mind.listeners.listener import Listener, Terms

BIRDNET = Terms(
    "CC BY-NC-SA 4.0",
    "free for education and research; whether it may be used in a run for a prize is contested, and a network that "
    "learned from it may count as adapted from it",
)
PERCH = Terms("Apache-2.0", "may be used in a run for a prize")
OWN = Terms("your own", "may be used in a run for a prize as far as the recordings that it learned from may")
# Models of these names were trained on recordings of the collection that the competitions take theirs from.
_OF_XENO_CANTO = ("birdnet", "perch")


def what_it_heard(listener: Listener) -> str:
    """A sentence on whether a listener was trained on what it is asked about."""
    name = listener.name
    if any(known in name.casefold() for known in _OF_XENO_CANTO):
        return (
            f"{name} was trained on recordings from xeno-canto and has probably heard these, those that were held out "
            "included: it is another ear, not a witness who never saw the case."
        )
    if listener.terms == OWN:
        return (
            f"{name} is a network of this program: of the recordings that it was trained on it is no independent ear."
        )
    return f"Whether {name} was trained on these recordings is not known."
