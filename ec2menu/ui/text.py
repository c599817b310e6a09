r"""Foreign text made harmless, and measured in display columns.

Names, tags, error messages and remote output are data that anybody may have written. Here they become one line that
moves no cursor, hides nothing and has the same width in every terminal; and only the functions here know what a display
column is. Pure: no table, no colour and no stream belongs here.
"""

import re
import sys
import unicodedata

ELLIPSIS = "…"
MAX_MARKS = 4  # combining marks that one character may carry; no script in use needs more

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Letters and marks that Unicode draws as nothing; whole texts can be smuggled in variation selectors.
_HIDDEN_POINTS = frozenset(
    {
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0),
        *range(0xFE00, 0xFE0E),
        *range(0xE0100, 0xE01F0),
    }
)
_JAMO = ((0x1160, 0x11FF), (0xD7B0, 0xD7FF))
_HANGUL = ((0x1100, 0x11FF), (0xA960, 0xA97F), (0xAC00, 0xD7FF))

# Terminals disagree about the width of joined emoji and of flags. Without their joiners, and as the two letters that a
# flag is made of, they have one width everywhere.
_REPLACED: dict[int, str | None] = {
    **dict.fromkeys((0x200C, 0x200D, 0xFE0E, 0xFE0F)),
    **dict.fromkeys(range(0x1F3FB, 0x1F400)),
    **{0x1F1E6 + index: chr(ord("A") + index) for index in range(26)},
}

_FULL_WIDTH = {0xFF01 + index: 0x21 + index for index in range(94)}
_BLANKS_AND_WORD = re.compile(r" *[^ ]+")
_DIGITS = re.compile(r"[0-9]+")
# Latin letters and signs, and what our own lines are made of: a column each.
_NARROW = re.compile(f"[ -~\u00a1-\u00ac\u00ae-\u02ff{ELLIPSIS}]*")


def escape(text: str) -> str:
    r"""Return `text` as one harmless line, in NFC.

    Control, format, private and unassigned characters and lone surrogates become visible (`\x1b`, `\n`, `\u202e`), as
    do invisible letters and combining marks with nothing to sit on or too many in a row. Emoji joiners and skin tones
    are dropped and flags become letters. A backslash stays itself, so that escaping twice changes nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    base, marks = "", 0
    for char in unicodedata.normalize("NFC", text.translate(_REPLACED)):
        is_mark = _is_mark(char)
        marks = marks + 1 if is_mark else 0
        kept = not _is_hidden(char) and (not is_mark or (marks <= MAX_MARKS and _can_carry(base, char)))
        shown.append(char if kept else char.encode("unicode_escape").decode("ascii"))
        base = char if kept else ""
    return "".join(shown)


def narrow(text: str) -> str:
    """Return what was typed with a Korean or Japanese keyboard left in full-width mode as the keys that were meant."""
    return text.translate(_FULL_WIDTH)


def width(text: str) -> int:
    """Return the display columns that `text` takes: the sum over its characters, as tmux and simple terminals count."""
    if text.isascii():
        return len(text) if text.isprintable() else sum(map(str.isprintable, text))
    if _NARROW.fullmatch(text):
        return len(text)
    from wcwidth import wcwidth  # noqa: PLC0415 - its tables take 50 ms to import and most names are Latin

    return sum(max(0, wcwidth(char)) for char in text)


def shorten(text: str, columns: int) -> str:
    """Cut escaped `text` to at most `columns` display columns, the last one `…`; never through a character."""
    if width(text) <= columns:
        return text
    if columns < 1:
        return ""
    room = columns - 1  # for the ellipsis
    for index, char in enumerate(text):
        room -= width(char)
        if room < 0:
            return text[:index].rstrip() + ELLIPSIS
    return text


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Fill `text` with blanks to `columns` display columns; `right` puts the text at the right end."""
    blanks = " " * (columns - width(text))
    return blanks + text if right else text + blanks


def wrap(text: str, columns: int, *, indent: str = "") -> list[str]:
    """Break `text` at its blanks into lines of at most `columns` display columns, all but the first after `indent`.

    A word that is wider than a line stays whole, so that ids, ARNs and paths can still be copied.
    """
    lines: list[str] = []
    line = ""
    for word in _BLANKS_AND_WORD.findall(text):
        if line and width(line + word) > columns:
            lines.append(line)
            line = indent + word.lstrip(" ")
        else:
            line += word
    return [*lines, line]


def fold(text: str) -> str:
    """Return `text` for comparing: without case, and the same for composed and decomposed Korean."""
    if text.isascii():
        return text.casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def natural_key(text: str) -> str:
    """Return a key that sorts without case and numbers by value: `web-2` before `web-10`."""
    # One text and not a tuple of parts, because sorting thousands is many comparisons.
    return _DIGITS.sub(_digits_key, fold(text))


def _digits_key(digits: re.Match[str]) -> str:
    """Return a number as its length and its digits, after a mark that is below all letters.

    The length is a character that no line ends with, nor begins: keys are kept in files.
    """
    significant = digits[0].lstrip("0")
    return f"\1{chr(min(ord(' ') + len(significant), sys.maxunicode))}{significant}"


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in _HIDDEN_CATEGORIES or ord(char) in _HIDDEN_POINTS


def _is_mark(char: str) -> bool:
    """Tell whether `char` is drawn onto the one before it: a combining mark, or a Korean syllable's vowel or end."""
    return unicodedata.category(char).startswith("M") or _is_within(char, _JAMO)


def _can_carry(base: str, mark: str) -> bool:
    if not base:
        return False
    return _is_within(base, _HANGUL) if _is_within(mark, _JAMO) else True


def _is_within(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= ord(char) <= high for low, high in ranges)
