"""The one colour policy: which streams have colour, and what each meaning looks like. The only home of colorama."""

import os
from collections.abc import Mapping
from typing import TextIO

from ec2menu.models import Style


def is_tty(stream: TextIO) -> bool:
    """Whether there is a screen or a keyboard behind a stream; a closed one has neither."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def color_codes(stream: TextIO, environ: Mapping[str, str]) -> dict[Style, str]:
    """Return what begins each style on a stream, PLAIN being the end of any; nothing where there is no colour."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb" or not is_tty(stream):
        return {}
    import colorama  # noqa: PLC0415 - only where there is colour

    if os.name == "nt":
        colorama.just_fix_windows_console()
    fore, style = colorama.Fore, colorama.Style
    return {
        Style.PLAIN: style.RESET_ALL,
        Style.GOOD: fore.GREEN,
        Style.WARN: fore.YELLOW,
        Style.BAD: fore.RED,
        Style.DIM: style.DIM,
        Style.STRONG: style.BRIGHT,
    }


def painted(text: str, style: Style, codes: Mapping[Style, str]) -> str:
    """Return a text in a style, for which `codes` are those of the stream that it goes to."""
    code = codes.get(style, "")
    return f"{code}{text}{codes[Style.PLAIN]}" if code and text else text
