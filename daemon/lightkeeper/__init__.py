"""Watch over every document a Form 526 claim hands to Lighthouse, until it has arrived."""

__version__ = "0.1.0"
