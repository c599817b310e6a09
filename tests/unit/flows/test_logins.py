"""How one logs in to a database or a cache: what AWS keeps first, what is typed last, and nothing secret is shown."""

from dataclasses import replace
from pathlib import Path

import pytest

from ec2menu.connectors.clients import Login, LoginSource
from ec2menu.errors import AccessDenied, AwsError, Interrupted, InvalidInput
from ec2menu.flows.logins import check_wish, forget_all_logins, forget_login, note_end
from ec2menu.flows.targets import DataStore
from ec2menu.models import CacheAuth, EndpointRole
from ec2menu.ui.terminal import EndOfInput
from tests.unit.desk import REGION
from tests.unit.flows.login_seat import ARN, HUSH, PLAIN, TOKEN, Seat, told
from tests.unit.resources.cache_entries import cache
from tests.unit.resources.database_entries import database

DENIED = AccessDenied("secretsmanager:GetSecretValue is denied", hint="have it allowed", action="x:Y")
MANAGED = replace(PLAIN, secret_arn=ARN)
BY_TOKEN = replace(PLAIN, iam_auth=True)
ALL_WAYS = replace(MANAGED, iam_auth=True)
KEEPS = "the password typed before is used"


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    return Seat(tmp_path)


# -- which ways there are ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "ways"),
    [
        (PLAIN, ["type the password", "another secret"]),
        (MANAGED, ["managed secret", "type the password", "another secret"]),
        (BY_TOKEN, ["IAM token", "type the password", "another secret"]),
        (ALL_WAYS, ["managed secret", "IAM token", "type the password", "another secret"]),
        (replace(ALL_WAYS, role=EndpointRole.READER), ["managed secret", "IAM token", "type the password"]),
        (replace(ALL_WAYS, role=EndpointRole.CUSTOM), ["managed secret", "type the password", "another secret"]),
        (replace(BY_TOKEN, accepts_password=False), ["IAM token", "another secret"]),
        (cache(auth=CacheAuth.TOKEN), ["type the password", "another secret"]),
        (cache(auth=CacheAuth.RBAC), ["type the password", "another secret"]),
    ],
)
def test_the_ways_in_are_offered_the_best_first_and_zero_goes_back(
    item: DataStore, ways: list[str], seat: Seat
) -> None:
    with pytest.raises(Interrupted):
        seat.log_in(item, "0")
    assert seat.ways[: len(ways)] == ways
    assert f"log in to {item.id} by" in seat.desk.data
    assert "[1]" in seat.notes


def test_where_there_is_one_way_nothing_is_asked_about_ways(seat: Seat) -> None:
    seat.aws.secrets["prod/db"] = HUSH
    item = replace(PLAIN, accepts_password=False)
    assert told(seat.log_in(item, "prod/db", "kim")) == ("kim", HUSH, LoginSource.SECRET)
    assert seat.ways == []


def test_a_cache_that_asks_nobody_is_entered_without_a_question(seat: Seat) -> None:
    assert seat.log_in(cache()) == Login()
    assert (seat.desk.data, seat.notes, seat.aws.asked) == ("", "", [])


# -- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["", "1", "managed"])
def test_the_managed_secret_is_what_an_empty_enter_takes(typed: str, seat: Seat) -> None:
    assert told(seat.log_in(ALL_WAYS, typed)) == ("admin", HUSH, LoginSource.SECRET)


def test_a_managed_secret_that_is_denied_leaves_the_typed_password(seat: Seat) -> None:
    seat.aws.secrets[ARN] = DENIED
    assert told(seat.log_in(MANAGED, "", "kim", "typed-1")) == ("kim", "typed-1", LoginSource.TYPED)
    assert "ec2menu: secretsmanager:GetSecretValue is denied\n  hint: have it allowed\n" in seat.notes


def test_a_managed_secret_that_cannot_be_read_for_another_reason_is_an_error(seat: Seat) -> None:
    seat.aws.secrets[ARN] = AwsError("there is no such secret")
    with pytest.raises(AwsError, match="no such secret"):
        seat.log_in(MANAGED, "")


def test_the_managed_secret_is_not_offered_to_another_user_than_its_own(seat: Seat) -> None:
    assert told(seat.log_in(ALL_WAYS, "typed", "typed-1", user="kim"))[0] == "kim"
    assert seat.ways == ["IAM token", "type the password", "another secret"]
    assert told(seat.log_in(ALL_WAYS, "", user="admin")) == ("admin", HUSH, LoginSource.SECRET)
    assert told(seat.log_in(replace(MANAGED, username=""), "", user="kim")) == ("kim", HUSH, LoginSource.SECRET)


@pytest.mark.parametrize("item", [ALL_WAYS, cache(auth=CacheAuth.RBAC), cache(auth=CacheAuth.TOKEN)])
def test_a_secret_that_was_named_on_the_command_line_is_taken_without_a_question(item: DataStore, seat: Seat) -> None:
    seat.aws.secrets["prod/db"] = f'{{"username": "app", "password": "{HUSH}"}}'
    assert told(seat.log_in(item, secret="prod/db")) == ("app", HUSH, LoginSource.SECRET)
    assert told(seat.log_in(item, secret="prod/db", user="kim")) == ("kim", HUSH, LoginSource.SECRET)
    assert (seat.desk.data, seat.notes) == ("", "")


def test_a_named_secret_that_is_denied_is_an_error_for_it_was_wished_for(seat: Seat) -> None:
    seat.aws.secrets["prod/db"] = DENIED
    with pytest.raises(AccessDenied):
        seat.log_in(PLAIN, secret="prod/db")


def test_another_secret_is_asked_for_by_name_and_where_it_has_no_user_the_user_is(seat: Seat) -> None:
    seat.aws.secrets["prod/db"] = HUSH
    assert told(seat.log_in(MANAGED, "named", " prod/db ", "")) == ("admin", HUSH, LoginSource.SECRET)
    assert "user [admin]:" in seat.notes


def test_no_name_of_a_secret_is_no_reason_to_ask_aws(seat: Seat) -> None:
    with pytest.raises(InvalidInput, match="no secret was named"):
        seat.log_in(MANAGED, "named", "")
    assert seat.aws.asked == []


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_is_signed_for_the_real_endpoint_and_the_user_that_was_typed(seat: Seat) -> None:
    assert told(seat.log_in(ALL_WAYS, "iam", "kim")) == ("kim", TOKEN, LoginSource.IAM)
    assert seat.aws.signed == [(REGION, "h", 5432, "kim")]


def test_a_token_that_was_wished_for_needs_no_question_but_the_user(seat: Seat) -> None:
    assert told(seat.log_in(PLAIN, "", iam=True)) == ("admin", TOKEN, LoginSource.IAM)
    assert told(seat.log_in(PLAIN, iam=True, user="kim")) == ("kim", TOKEN, LoginSource.IAM)
    assert seat.ways == []


@pytest.mark.parametrize(
    "item",
    [replace(ALL_WAYS, role=EndpointRole.CUSTOM), replace(ALL_WAYS, endpoint=None), cache(auth=CacheAuth.RBAC)],
    ids=["custom", "no endpoint", "cache"],
)
def test_what_takes_no_tokens_refuses_one(item: DataStore, seat: Seat) -> None:
    with pytest.raises(InvalidInput, match="takes no IAM tokens") as caught:
        seat.log_in(item, iam=True, user="kim")
    assert caught.value.hint == "log in with a password, or at another endpoint"
    assert seat.aws.signed == []


# -- typed ------------------------------------------------------------------------------------------------------------


def test_a_typed_password_is_kept_for_this_user_of_this_database_only(seat: Seat) -> None:
    assert told(seat.log_in(PLAIN, "", "", "typed-1")) == ("admin", "typed-1", LoginSource.TYPED)
    assert KEEPS not in seat.notes
    assert told(seat.log_in(PLAIN, "", "")) == ("admin", "typed-1", LoginSource.TYPED)
    assert KEEPS in seat.notes
    others = (replace(PLAIN, id="books"), replace(PLAIN, region="eu-west-1"))
    for item in others:
        assert told(seat.log_in(item, "", "", "typed-2"))[1] == "typed-2"
    assert told(seat.log_in(PLAIN, "", "kim", "typed-3"))[1] == "typed-3"
    assert told(seat.log_in(PLAIN, "", ""))[1] == "typed-1"


def test_a_typed_password_is_kept_as_long_as_the_settings_say(seat: Seat) -> None:
    seat.set(password_minutes=30)
    seat.log_in(PLAIN, "", "", "typed-1")
    seat.desk.clock.advance(30 * 60 - 1)
    seat.log_in(PLAIN, "", "")
    seat.desk.clock.advance(2)
    assert told(seat.log_in(PLAIN, "", "", "typed-2"))[1] == "typed-2"


def test_a_password_is_not_kept_before_it_has_worked(seat: Seat) -> None:
    seat.log_in(PLAIN, "", "", "typed-1", works=False)
    assert told(seat.log_in(PLAIN, "", "", "typed-2"))[1] == "typed-2"


@pytest.mark.parametrize(("is_well", "kept"), [(True, 1), (False, 0)])
def test_how_a_client_ends_decides_whether_the_password_is_kept(seat: Seat, *, is_well: bool, kept: int) -> None:
    login = seat.log_in(PLAIN, "", "", "typed-1", works=False)
    note_end(seat.context, PLAIN, login, is_well=is_well)
    assert seat.context.passwords.forget_all() == kept


def test_how_a_client_of_a_cache_ends_says_nothing_of_the_password(seat: Seat) -> None:
    item = cache(auth=CacheAuth.TOKEN)
    login = seat.log_in(item, "", "typed-1", works=False)
    note_end(seat.context, item, login, is_well=True)
    assert seat.context.passwords.forget_all() == 0


@pytest.mark.parametrize("wish", [{"user": "kim"}, {"secret": "prod/db"}])
def test_a_login_to_a_cache_that_asks_nobody_is_refused(wish: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="nobody logs in to scratch"):
        check_wish(cache(), **{"user": "", "secret": ""} | wish)
    check_wish(cache(auth=CacheAuth.RBAC), **{"user": "", "secret": ""} | wish)


def test_a_cache_with_a_token_has_no_user_in_a_secret_either(seat: Seat) -> None:
    seat.aws.secrets["prod/cache"] = HUSH
    item = cache(auth=CacheAuth.TOKEN)
    assert told(seat.log_in(item, secret="prod/cache")) == ("", HUSH, LoginSource.SECRET)
    assert "user [" not in seat.notes


def test_after_a_client_that_failed_the_password_is_asked_for_again(seat: Seat) -> None:
    login = seat.log_in(PLAIN, "", "", "typed-1")
    forget_login(seat.context, PLAIN, login)
    assert told(seat.log_in(PLAIN, "", "", "typed-2"))[1] == "typed-2"


def test_a_failed_token_or_secret_does_not_cost_the_password_that_was_typed(seat: Seat) -> None:
    seat.log_in(ALL_WAYS, "typed", "", "typed-1")
    for way in ("iam", "managed"):
        login = seat.log_in(ALL_WAYS, way, *([""] if way == "iam" else []))
        forget_login(seat.context, ALL_WAYS, login)
    seat.log_in(ALL_WAYS, "typed", "")
    assert KEEPS in seat.notes


@pytest.mark.parametrize(("count", "words"), [(0, "no password is kept"), (1, "1 password is"), (2, "2 passwords are")])
def test_forget_drops_all_and_says_how_many(count: int, words: str, seat: Seat) -> None:
    items = [replace(PLAIN, id=f"db-{number}") for number in range(count)]
    for item in items:
        seat.log_in(item, "", "", "typed-1")
    seat.type()
    forget_all_logins(seat.context)
    assert seat.notes.startswith(words)
    for item in items:
        assert told(seat.log_in(item, "", "", "typed-2"))[1] == "typed-2"


def test_a_client_that_asks_by_itself_gets_the_user_and_no_password(seat: Seat) -> None:
    assert seat.log_in(PLAIN, "", "kim", client_asks=True) == Login(user="kim")
    seat.log_in(PLAIN, "", "kim", "typed-1")
    assert seat.log_in(PLAIN, "", "kim", client_asks=True) == Login(user="kim"), "also where one is kept"


def test_a_client_that_asks_by_itself_is_still_given_what_aws_keeps(seat: Seat) -> None:
    assert told(seat.log_in(MANAGED, "", client_asks=True)) == ("admin", HUSH, LoginSource.SECRET)


def test_a_cache_with_a_token_has_no_users_and_one_with_users_a_default(seat: Seat) -> None:
    assert told(seat.log_in(cache(auth=CacheAuth.TOKEN), "", "typed-1")) == ("", "typed-1", LoginSource.TYPED)
    assert "password of scratch (not shown):" in seat.notes
    assert told(seat.log_in(cache(auth=CacheAuth.RBAC), "", "", "typed-2"))[:2] == ("default", "typed-2")
    assert "user [default]:" in seat.notes


def test_the_user_is_the_engines_where_aws_names_none_and_else_must_be_typed(seat: Seat) -> None:
    assert told(seat.log_in(database(), "", "", "typed-1"))[0] == "postgres"
    assert told(seat.log_in(database(engine="unheard-of"), "", "", " kim ", "typed-1"))[0] == "kim"
    assert "type the database user's name, or press Ctrl-C to go back" in seat.notes


@pytest.mark.parametrize("left", [KeyboardInterrupt(), EOFError()])
@pytest.mark.parametrize("before", [(), ("typed",), ("typed", "kim"), ("named",)])
def test_ctrl_c_and_ctrl_d_leave_at_every_question_and_nothing_is_kept(
    before: tuple[str, ...], left: BaseException, seat: Seat
) -> None:
    with pytest.raises((Interrupted, EndOfInput)):
        seat.log_in(ALL_WAYS, *before, left)
    assert seat.context.passwords.forget_all() == 0
