"""What a person sees: a terminal emulator that keeps the text of everything drawn, and looks at its cells.

pyte does the emulation. Corrected here, because names and messages in any language must not upset a test: characters
of no width (pyte drops what follows them), wide characters at the right edge or half overwritten, and faint text.
"""

import unicodedata
from dataclasses import dataclass

import pyte
from wcwidth import wcwidth

FAINT = "faint "
SGR_RESET, SGR_FAINT, SGR_NORMAL, SGR_COLOURS = 0, 2, 22, (38, 48)
SGR_COLOUR_ARGUMENTS = {5: 2, 2: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStyle:
    """How one cell looks. Colours are pyte's words: `default`, `red`, `brown` for SGR 33, `brightred`, or RRGGBB."""

    foreground: str
    background: str
    bold: bool
    faint: bool
    underscore: bool
    reverse: bool


class TerminalScreen(pyte.Screen):  # type: ignore[misc] # pyte has no types, so its class is Any
    """The screen, and in `transcript` the plain text of all that was ever drawn, with its line ends."""

    def __init__(self, columns: int, rows: int) -> None:
        self.transcript = ""
        self._drawing = False
        super().__init__(columns, rows)

    def draw(self, data: str) -> None:
        """Put text at the cursor, one character at a time, as wide as each is."""
        self.transcript += data
        self._drawing = True  # a line feed that wrapping causes is none of the program's
        for character in data:
            width = wcwidth(character)
            if width == 0:
                self._attach(character)
            elif width > 0:
                if width == 2 and self.cursor.x == self.columns - 1:
                    self.cursor.x = self.columns
                super().draw(character)
        self._drawing = False

    def linefeed(self) -> None:
        """Go to the next line."""
        if not self._drawing:
            self.transcript = self.transcript.rstrip("\r") + "\n"
        super().linefeed()

    def carriage_return(self) -> None:
        """Go to the start of the line."""
        if not self._drawing:
            self.transcript += "\r"
        super().carriage_return()

    def select_graphic_rendition(self, *attrs: int) -> None:
        """Set colours and the like; faint, which pyte does not know, travels with the foreground's name."""
        faint = _is_faint(attrs, self.cursor.attrs.fg.startswith(FAINT))
        super().select_graphic_rendition(*attrs)
        colour = self.cursor.attrs.fg.removeprefix(FAINT)
        self.cursor.attrs = self.cursor.attrs._replace(fg=f"{FAINT}{colour}" if faint else colour)

    def text_lines(self) -> list[str]:
        """Return the rows as text, without the blanks at their right ends."""
        return [self._text_of(row).rstrip() for row in range(self.lines)]

    def text_to_cursor(self) -> str:
        """Return the screen as one text, in which the blanks before the cursor are kept (a prompt may end in some)."""
        lines = self.text_lines()
        line = lines[self.cursor.y]
        lines[self.cursor.y] = line + " " * (self.cursor.x - _width(line))
        return "\n".join(lines)

    def style_at(self, column: int, row: int) -> CellStyle:
        """Return how the cell looks; both count from 0, in display columns."""
        cell = self.buffer[row][column]
        return CellStyle(
            foreground=cell.fg.removeprefix(FAINT),
            background=cell.bg,
            bold=cell.bold,
            faint=cell.fg.startswith(FAINT),
            underscore=cell.underscore,
            reverse=cell.reverse,
        )

    def locate(self, text: str) -> tuple[int, int] | None:
        """Return (column, row) of the first place where `text` shows, in display columns."""
        for row, line in enumerate(self.text_lines()):
            if text in line:
                return _width(line[: line.index(text)]), row
        return None

    def _attach(self, character: str) -> None:
        """Put a character of no width into the cell of the one before it."""
        line, column = self.buffer[self.cursor.y], self.cursor.x - 1
        if column > 0 and line[column].data == "":
            column -= 1
        if column >= 0:
            whole = unicodedata.normalize("NFC", line[column].data + character)
            line[column] = line[column]._replace(data=whole)

    def _text_of(self, row: int) -> str:
        cells = [self.buffer[row][column].data for column in range(self.columns)]
        text, column = "", 0
        while column < self.columns:
            data = cells[column]
            is_wide = data != "" and wcwidth(data[0]) == 2
            is_whole = is_wide and column + 1 < self.columns and cells[column + 1] == ""
            text += " " if data == "" or is_wide > is_whole else data
            column += 2 if is_whole else 1
        return text


def _width(text: str) -> int:
    """Return the display columns of what stands on the screen, cell by cell as the screen counts."""
    return sum(max(0, wcwidth(character)) for character in text)


def _is_faint(attributes: tuple[int, ...], before: bool) -> bool:
    """Follow SGR 2 through a list of attributes, past the arguments of 38 and 48, which may also be 2."""
    faint, position = before and bool(attributes), 0
    while position < len(attributes):
        attribute = attributes[position]
        if attribute in SGR_COLOURS and position + 1 < len(attributes):
            position += SGR_COLOUR_ARGUMENTS.get(attributes[position + 1], 0)
        elif attribute == SGR_FAINT:
            faint = True
        elif attribute in (SGR_RESET, SGR_NORMAL):
            faint = False
        position += 1
    return faint
