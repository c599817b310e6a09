"""The loader that hands out trimmed models: the services it knows, and what it does once."""

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from ec2menu.aws.trim import USED, make_loader


def test_the_services_are_those_that_botocore_finds() -> None:
    found = make_loader(None).list_available_services("service-2")
    assert set(found) >= set(Loader().list_available_services("service-2"))
    assert set(found) >= set(USED)


def test_the_folders_are_looked_through_once_for_all_models() -> None:
    loader = make_loader(None)
    assert loader.list_available_services("service-2") is loader.list_available_services("service-2")


def test_a_service_that_is_not_there_is_refused_as_botocore_does() -> None:
    with pytest.raises(UnknownServiceError):
        make_loader(None).load_service_model("no-such-service", "service-2")


def test_a_model_is_trimmed_once_for_all_regions() -> None:
    loader = make_loader(None)
    model = loader.load_service_model("ssm", "service-2")
    assert set(model["operations"]) == USED["ssm"].operations
    assert loader.load_service_model("ssm", "service-2") is model
