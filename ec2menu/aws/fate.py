"""What may have become of a call that failed; one enumeration, apart from `sending` so that it costs no botocore."""

from enum import StrEnum


class SendFate(StrEnum):
    """What became of a call that failed. Only UNCLEAR may have been carried out."""

    NOT_SENT = "not sent"
    THROTTLED = "throttled"
    NEEDS_LOGIN = "needs login"
    REFUSED = "refused"
    UNCLEAR = "unclear"
