"""How an operation's pages are asked for and chained, from botocore's own paginator models.

botocore's paginator starts a list anew when a page has to be read again; here every page can be, by itself. What a page
holds, and what a short one means, is decided in `session`.
"""

from dataclasses import dataclass
from typing import Any

from botocore.loaders import Loader


@dataclass(frozen=True, slots=True, kw_only=True)
class PageNames:
    """What an operation calls its page size, the token it takes, and the one it gives."""

    size: str
    token: str
    next_token: str


def page_names(loader: Loader, service: str, operation: str) -> PageNames:
    """Return the names for an operation of a service. Raises KeyError for one that has no pages."""
    entry = loader.load_service_model(service, "paginators-1")["pagination"][operation]
    return PageNames(size=entry["limit_key"], token=entry["input_token"], next_token=entry["output_token"])


def page_request(names: PageNames, *, size: int | None, token: str) -> dict[str, Any]:
    """Return the parameters that ask for one page; without a size AWS chooses it."""
    request: dict[str, Any] = {} if size is None else {names.size: size}
    return request | ({names.token: token} if token else {})
