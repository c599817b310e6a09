"""What the plugin's words mean: every marker, dressed up, cut short, in pieces and imitated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.connectors.plugin import Ending, Verdict, has_answered, read_ending

SID = "ops-0a1b2c3d4e5f60718"
OTHER = "ops-ffffffffffffffff0"
FIRST_LINE = f"\r\nStarting session with SessionId: {SID}\r\n"
NORMAL = f"\r\n\r\nExiting session with sessionId: {SID}.\r\n\r\n"
BY_SERVICE = f"\r\n\r\nSessionId: {SID} : Your session has been terminated for security reasons.\r\n\r\n"
TIMED_OUT = f"\r\nSession: {SID} timed out.\r\n"
REFUSED = "Cannot perform start session: read /dev/stdin: input/output error\r\n"
SERVICE_REASON = "Your session has been terminated for security reasons."

IMITATIONS = (
    f"Exiting session with sessionId: {OTHER}.\n",
    f"SessionId: {OTHER} : gotcha\n",
    f"Session: {OTHER} timed out.\n",
    "SessionId: .* : gotcha\n",
    f"exiting session with sessionid: {SID}.\n",
)
MARKERS = (NORMAL, BY_SERVICE, TIMED_OUT, REFUSED, FIRST_LINE, *IMITATIONS, "\x1b[31m", "\x1b]0;", "\x07", SID)


@pytest.mark.parametrize(
    ("words", "ending", "detail", "is_closed"),
    [
        (NORMAL, Ending.NORMAL, "", True),
        (BY_SERVICE, Ending.BY_SERVICE, SERVICE_REASON, True),
        (TIMED_OUT, Ending.TIMED_OUT, "it was idle too long, or could not be resumed", True),
        (REFUSED, Ending.FAILED, "read /dev/stdin: input/output error", False),
        ("Cannot perform start session: EOF\n", Ending.FAILED, "EOF", False),
        ("", Ending.UNKNOWN, "", False),
        ("fake$ ", Ending.UNKNOWN, "", False),
    ],
)
def test_each_marker_is_understood(words: str, ending: Ending, detail: str, is_closed: bool) -> None:
    wanted = Verdict(ending=ending, detail=detail, is_closed=is_closed)
    assert read_ending(f"{FIRST_LINE}fake$ {words}", SID, status=0) == wanted


def test_a_reason_over_several_lines_becomes_one_line() -> None:
    reason = "----------ERROR-------\r\nUnable to start shell:\r\n  no such user: ssm-user\r\n\r\n"
    verdict = read_ending(f"{FIRST_LINE}\r\n\r\nSessionId: {SID} : {reason}", SID, status=0)
    assert verdict.ending is Ending.BY_SERVICE
    assert verdict.detail == "ERROR Unable to start shell: no such user: ssm-user"


def test_a_reason_that_begins_on_the_next_line_is_found() -> None:
    verdict = read_ending(f"\r\nSessionId: {SID} :\r\n\r\nno space left on device\r\n", SID, status=0)
    assert (verdict.ending, verdict.detail) == (Ending.BY_SERVICE, "no space left on device")


def test_a_reason_of_any_length_stays_a_sentence() -> None:
    verdict = read_ending(f"SessionId: {SID} : {'far too long ' * 400}", SID, status=0)
    assert 200 < len(verdict.detail) <= 300


def test_colours_and_titles_around_and_inside_a_marker_do_not_hide_it() -> None:
    dressed = (
        "\x1b]0;root@web-1: ~\x07\x1b[?2004l\x1b[01;32mfake$\x1b[0m exit\r\n"
        f"Session\x1b[1mId: {SID}\x1b[0m : \x1b[31mdenied\x1b[0m\x1b]2;bye\x1b\\\r\n"
    )
    verdict = read_ending(dressed, SID, status=0)
    assert (verdict.ending, verdict.detail) == (Ending.BY_SERVICE, "denied")


@pytest.mark.parametrize("words", IMITATIONS)
def test_words_of_another_session_are_not_believed(words: str) -> None:
    assert read_ending(FIRST_LINE + words, SID, status=0).ending is Ending.UNKNOWN
    assert read_ending(FIRST_LINE + words + NORMAL, SID, status=0).ending is Ending.NORMAL
    assert read_ending(FIRST_LINE + words + TIMED_OUT, SID, status=0).ending is Ending.TIMED_OUT


def test_the_plugin_has_the_last_word_over_a_remote_program_that_knows_the_session_s_id() -> None:
    fake = f"SessionId: {SID} : all your keys are ours\r\nCannot perform start session: boo\r\n{TIMED_OUT}"
    assert read_ending(fake + NORMAL, SID, status=0) == Verdict(ending=Ending.NORMAL, is_closed=True)
    assert read_ending(NORMAL + BY_SERVICE, SID, status=0).detail == SERVICE_REASON


@pytest.mark.parametrize("words", ["", NORMAL, BY_SERVICE, TIMED_OUT])
def test_a_killed_plugin_has_no_last_word(words: str) -> None:
    wanted = Verdict(ending=Ending.KILLED, detail="signal 9", is_closed=False)
    assert read_ending(FIRST_LINE + words, SID, status=-9) == wanted


def test_a_panic_is_told_by_its_first_line() -> None:
    text = f"{FIRST_LINE}panic: runtime error: index out of range\r\n\r\ngoroutine 1 [running]:\r\nmain.main()\r\n"
    wanted = Verdict(ending=Ending.FAILED, detail="panic: runtime error: index out of range")
    assert read_ending(text, SID, status=2) == wanted


@pytest.mark.parametrize(("text", "detail"), [("", "status 3"), ("\r\n \r\n", "status 3"), ("a\r\nb \r\n", "b")])
def test_a_failure_without_a_marker_is_told_by_the_last_line_or_the_status(text: str, detail: str) -> None:
    assert read_ending(text, SID, status=3) == Verdict(ending=Ending.FAILED, detail=detail)


def test_a_marker_whose_beginning_was_cut_off_is_no_marker() -> None:
    assert read_ending(NORMAL[10:], SID, status=0).ending is Ending.UNKNOWN


@given(
    st.lists(
        st.sampled_from(MARKERS) | st.text(max_size=20) | st.binary(max_size=20).map(lambda b: b.decode("latin1"))
    ),
    st.integers(-64, 255),
)
def test_no_output_makes_the_verdict_fail(parts: list[str], status: int) -> None:
    verdict = read_ending("".join(parts), SID, status=status)
    assert "\n" not in verdict.detail
    assert verdict.is_closed <= (verdict.ending in (Ending.NORMAL, Ending.BY_SERVICE, Ending.TIMED_OUT))


@given(st.lists(st.sampled_from(MARKERS) | st.text(max_size=20)))
def test_a_normal_end_is_seen_whatever_was_printed_before(parts: list[str]) -> None:
    assert read_ending("".join(parts) + NORMAL, SID, status=0) == Verdict(ending=Ending.NORMAL, is_closed=True)


# -- has it answered --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "answered"),
    [
        ("", False),
        ("\r\n", False),
        ("Starting session with SessionId: ", False),
        (FIRST_LINE, False),
        (FIRST_LINE + "\r\n \r\n", False),
        (FIRST_LINE + "$ ", True),
        (FIRST_LINE + "\x1b[?2004h", True),
        (FIRST_LINE + NORMAL, True),
        ("sh: 1: warning\r\n" + FIRST_LINE, False),
        ("sh: 1: warning\r\n" + FIRST_LINE + "$ ", True),
    ],
)
def test_only_what_comes_after_the_first_line_is_an_answer(output: str, answered: bool) -> None:
    assert has_answered(output) is answered


@given(st.text())
def test_any_text_is_an_answer_or_not(text: str) -> None:
    assert has_answered(text) in (True, False)
    assert has_answered(f"{FIRST_LINE}{text}") is bool(text.strip())
