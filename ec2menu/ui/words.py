"""The words that mean the same at every prompt. No rules of what a screen does with them."""

BACK = ("0", "b", "back")
QUIT = ("q", "quit", "exit")
HELP = ("?", "help")
# Within a question there is nothing to quit but the question.
LEAVE = (*BACK, *QUIT)
