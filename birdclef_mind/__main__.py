"""`python -m birdclef_mind` is the command `birdclef-mind`."""

from birdclef_mind.commands.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
