"""The simulated AWS, for every test in this folder."""

from tests.fakes.aws_fixtures import simulated_aws

__all__ = ["simulated_aws"]
