"""On what terms the weights of known models may be used, as an engineer reads their licences."""

from birdclef_mind.listeners.listener import Terms

BIRDNET = Terms(
    "CC BY-NC-SA 4.0",
    "free for education and research; whether it may be used in a run for a prize is contested, and a network that "
    "learned from it may count as adapted from it",
)
PERCH = Terms("Apache-2.0", "may be used in a run for a prize")
OWN = Terms("your own", "may be used in a run for a prize as far as the recordings that it learned from may")
