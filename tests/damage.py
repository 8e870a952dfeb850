"""What damaged input may give: an answer, or an error of ours with a sentence. Others escape."""

from crashtool.errors import CrashtoolError


def attempt(read, *arguments):
    """(the answer, ""), or (None, the sentence of the error)."""
    try:
        return read(*arguments), ""
    except CrashtoolError as error:
        assert str(error), f"{type(error).__name__} without a sentence"  # noqa: PT017
        return None, str(error)
