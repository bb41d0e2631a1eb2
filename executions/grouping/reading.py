"""A text as it is judged: wrappers off, values masked."""

from typing import NamedTuple

from executions.grouping.masks import Masked, mask
from executions.grouping.unwrap import Unwrapped, unwrap


class Reading(NamedTuple):
    unwrapped: Unwrapped
    masked: Masked

    @property
    def tokens(self) -> tuple[str, ...]:
        return self.masked.tokens

    @property
    def template(self) -> str:
        return " ".join(self.masked.tokens)


def read(text: str) -> Reading:
    unwrapped = unwrap(text)
    masked = mask(unwrapped.text)
    if unwrapped.text != text and not any(token[0].isalpha() for token in masked.tokens):
        # Only values are left: the wrapper is all that the message tells.
        masked = mask(text)
    return Reading(unwrapped, masked)
