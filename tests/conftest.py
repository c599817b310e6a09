"""What holds for all tests: they begin with the signals that a shell in a terminal gives to its programs.

And how long an example of a property takes says nothing: another program may have had the processor meanwhile.
"""

import signal

import hypothesis

hypothesis.settings.register_profile("without limits of time", deadline=None)
hypothesis.settings.load_profile("without limits of time")

# A runner in the background has some of them ignored, which all the programs that tests start would inherit.
for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)
