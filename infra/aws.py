"""The clients of one AWS account and region, or of an emulator, and the bucket of packages and templates.

Without --endpoint-url every request goes to AWS itself; AWS_ENDPOINT_URL, which the engine on this machine
uses, is ignored. With it, credentials come from the environment or are an emulator's placeholders, and no
profile is read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
from botocore.session import Session as BotocoreSession
from types_boto3_cloudformation import CloudFormationClient
from types_boto3_lambda import LambdaClient
from types_boto3_s3 import S3Client

from local.ambient import forget, obeyed
from local.endpoints import local_credentials

from .errors import AwsError
from .package import content_hash

LAMBDA_TIMEOUT_S = 900

NO_CREDENTIALS = """No AWS credentials were found. Set them in one of these ways, then run this again:
  aws sso login --profile NAME       and  --profile NAME
  export AWS_PROFILE=NAME            a profile of ~/.aws/config
  export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… AWS_SESSION_TOKEN=…
Or deploy to an emulator on this machine: ./local/run emulator, and the --endpoint-url that it prints."""
NO_REGION = "No AWS region is set: give --region, or set AWS_REGION, or a region in your profile."


@dataclass(frozen=True)
class Aws:
    """One account and region, or an emulator."""

    session: boto3.Session
    region: str
    endpoint: str | None = None

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """The client for stacks."""
        return self.session.client("cloudformation", endpoint_url=self.endpoint, config=self._config())

    @cached_property
    def s3(self) -> S3Client:
        """The client for buckets, each at the region's own address; an emulator has one address for all."""
        style = Config(
            s3={"addressing_style": "path" if self.endpoint else "virtual"}, signature_version="s3v4"
        )
        return self.session.client("s3", endpoint_url=self.endpoint, config=self._config().merge(style))

    @cached_property
    def functions(self) -> LambdaClient:
        """The client for functions: it waits for an invocation's end, and never repeats one."""
        options = Config(
            read_timeout=LAMBDA_TIMEOUT_S + 15,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,  # a NAT gateway drops idle connections within minutes
        )
        return self.session.client("lambda", endpoint_url=self.endpoint, config=self._config().merge(options))

    @cached_property
    def secrets(self) -> Any:
        """The client for secrets."""
        return self.session.client("secretsmanager", endpoint_url=self.endpoint, config=self._config())

    @cached_property
    def logs(self) -> Any:
        """The client for log groups."""
        return self.session.client("logs", endpoint_url=self.endpoint, config=self._config())

    @property
    def poll_interval_s(self) -> float:
        """The time between two requests for a stack's or a function's state."""
        return 0.1 if self.endpoint else 2.0

    def caller(self) -> str:
        """The credentials' account and identity, as a text. Raises AwsError if they are not accepted."""
        try:
            sts = self.session.client("sts", endpoint_url=self.endpoint, config=self._config())
            found = sts.get_caller_identity()
        except ClientError as refusal:
            raise AwsError(
                f"AWS does not accept the credentials: {refusal.response['Error'].get('Message', refusal)} "
                "Log in again, or choose others with --profile."
            ) from refusal
        except BotoCoreError as error:
            raise AwsError(
                f"{self.endpoint or 'AWS'} could not be reached: {error}.{obeyed('SQS')}"
            ) from error
        return f"account {found['Account']} as {found['Arn'].rpartition(':')[2]}"

    def _config(self) -> Config:
        options: dict[str, Any] = {  # untyped, as the types of Config lack the last one
            "region_name": self.region,
            "retries": {"mode": "standard", "max_attempts": 2 if self.endpoint else 8},
            "connect_timeout": 2 if self.endpoint else 10,
            "ignore_configured_endpoint_urls": True,
        }
        return Config(**options)


def connect(region: str | None, profile: str | None, endpoint: str | None) -> Aws:
    """The clients for these options. Raises AwsError without credentials or a region."""
    if endpoint:
        forget(["SQS"])
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
        known = ", ".join(BotocoreSession(profile="").available_profiles) or "none"
        raise AwsError(f"{error}. Known profiles: {known}.{obeyed('SQS')}") from error
    except BotoCoreError as error:
        raise AwsError(f"The AWS credentials can't be used: {error}.{obeyed('SQS')}") from error
    if credentials is None:
        raise AwsError(NO_CREDENTIALS)
    if not session.region_name:
        raise AwsError(NO_REGION)
    return Aws(session, session.region_name)


class Bucket:
    """The bucket of one stage. Objects are named by their content's hash, so each is uploaded once."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._s3 = aws.s3
        self.name = name

    def upload_package(self, path: Path, sbom: Path, on_progress: Callable[[int], None]) -> tuple[str, bool]:
        """Upload a package, and beside it what is in it: its `s3:` URL, and whether it is new.

        `on_progress` gets byte counts of the package.
        """
        name = f"packages/{content_hash(path)}"
        key = f"{name}.zip"
        is_new = not self._has(key)
        if is_new:
            self._s3.upload_file(str(sbom), self.name, f"{name}.{sbom.name}")
            self._s3.upload_file(str(path), self.name, key, Callback=on_progress)
        return f"s3://{self.name}/{key}", is_new

    def upload_template(self, part: str, text: str) -> str:
        """Upload a template: its URL. CloudFormation takes larger ones by URL than in a request."""
        key = f"templates/{part}-{hashlib.sha256(text.encode()).hexdigest()}"
        if not self._has(key):
            self._s3.put_object(Bucket=self.name, Key=key, Body=text.encode())
        signed = self._s3.generate_presigned_url("get_object", {"Bucket": self.name, "Key": key})
        return urlsplit(signed)._replace(query="").geturl()

    def delete_objects(self) -> int:
        """Delete all objects and their old versions: their number."""
        count = 0
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=self.name):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if found:
                self._s3.delete_objects(
                    Bucket=self.name,
                    Delete={
                        "Objects": [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found],
                        "Quiet": True,
                    },
                )
            count += len(found)
        return count

    def _has(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.name, Key=key)
        except ClientError as refusal:
            if refusal.response["Error"].get("Code") in ("404", "NoSuchKey"):
                return False
            raise
        return True
