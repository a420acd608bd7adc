"""Which AWS this is about: an account and a region, or an emulator of them.

Without --endpoint-url nothing but AWS itself is talked to, whatever AWS_ENDPOINT_URL says to the engine on
this machine. With it, credentials are those of the environment or the ones that any emulator takes, and no
profile is looked into.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
from types_boto3_cloudformation import CloudFormationClient
from types_boto3_lambda import LambdaClient
from types_boto3_s3 import S3Client

from local.endpoints import local_credentials

from .errors import AwsError

LONGEST_FUNCTION_S = 900

NO_CREDENTIALS = """No AWS credentials were found. Give some in one of these ways, then run this again:
  aws sso login --profile NAME       and  --profile NAME
  export AWS_PROFILE=NAME            a profile of ~/.aws/config
  export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… AWS_SESSION_TOKEN=…
Or deploy to an emulator on this machine: ./local/run emulator, and --endpoint-url as it says."""
NO_REGION = "No AWS region is chosen: give --region, or set AWS_REGION, or a region in your profile."


@dataclass(frozen=True)
class Aws:
    """One account and region, or an emulator."""

    session: boto3.Session
    region: str
    endpoint: str | None = None

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """Stacks."""
        return self.session.client("cloudformation", endpoint_url=self.endpoint, config=self._config())

    @cached_property
    def s3(self) -> S3Client:
        """Buckets, under the region's own address; an emulator has no domain name for each."""
        style = Config(
            s3={"addressing_style": "path" if self.endpoint else "virtual"}, signature_version="s3v4"
        )
        return self.session.client("s3", endpoint_url=self.endpoint, config=self._config().merge(style))

    @cached_property
    def functions(self) -> LambdaClient:
        """Functions, of which an invocation is waited for, and never sent twice."""
        patient = Config(
            read_timeout=LONGEST_FUNCTION_S + 15,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,  # a gateway on the way forgets silent connections within minutes
        )
        return self.session.client("lambda", endpoint_url=self.endpoint, config=self._config().merge(patient))

    @property
    def pause_s(self) -> float:
        """How long to wait before asking again how far a stack is."""
        return 0.1 if self.endpoint else 2.0

    def caller(self) -> str:
        """Who asks: an account and an identity in it. Raises AwsError if the credentials are not accepted."""
        try:
            sts = self.session.client("sts", endpoint_url=self.endpoint, config=self._config())
            found = sts.get_caller_identity()
        except ClientError as refusal:
            raise AwsError(
                f"AWS does not accept the credentials: {refusal.response['Error'].get('Message', refusal)} "
                "Log in again, or choose others with --profile."
            ) from refusal
        except BotoCoreError as error:
            raise AwsError(f"{self.endpoint or 'AWS'} could not be asked: {error}") from error
        return f"account {found['Account']} as {found['Arn'].rpartition(':')[2]}"

    def _config(self) -> Config:
        options: dict[str, Any] = {  # the types of Config do not know the last one
            "region_name": self.region,
            "retries": {"mode": "standard", "max_attempts": 2 if self.endpoint else 8},
            "connect_timeout": 2 if self.endpoint else 10,
            "ignore_configured_endpoint_urls": True,
        }
        return Config(**options)


def connect(region: str | None, profile: str | None, endpoint: str | None) -> Aws:
    """The AWS that is meant. Raises AwsError without credentials or a region."""
    if endpoint:
        found = local_credentials(os.environ)
        session = boto3.Session(
            aws_access_key_id=found["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"],
        )
        return Aws(session, region or found["AWS_DEFAULT_REGION"], endpoint.rstrip("/"))
    try:
        session = boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION"))
        credentials = session.get_credentials()
    except ProfileNotFound as error:
        known = ", ".join(boto3.Session().available_profiles) or "none"
        raise AwsError(f"{error}. Profiles that are there: {known}.") from error
    except BotoCoreError as error:
        raise AwsError(f"The AWS credentials can't be used: {error}") from error
    if credentials is None:
        raise AwsError(NO_CREDENTIALS)
    if not session.region_name:
        raise AwsError(NO_REGION)
    return Aws(session, session.region_name)
