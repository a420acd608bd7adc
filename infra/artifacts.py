"""Packages and templates on their way to CloudFormation: each under its content's hash, so sent once only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from .archive import content_hash
from .aws import Aws


class Bucket:
    """The bucket of one stage."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._s3 = aws.s3
        self.name = name

    def send_package(self, path: Path, tell: Callable[[int], None]) -> tuple[str, bool]:
        """Upload a package: where it is, as `s3://BUCKET/KEY`, and whether it had to be sent."""
        key = f"packages/{content_hash(path)}.zip"
        sent = not self._holds(key)
        if sent:
            self._s3.upload_file(str(path), self.name, key, Callback=tell)
        return f"s3://{self.name}/{key}", sent

    def send_template(self, part: str, text: str) -> str:
        """Upload a template: its URL. CloudFormation takes larger ones by URL than in a request."""
        key = f"templates/{part}-{hashlib.sha256(text.encode()).hexdigest()}"
        if not self._holds(key):
            self._s3.put_object(Bucket=self.name, Key=key, Body=text.encode())
        signed = self._s3.generate_presigned_url("get_object", {"Bucket": self.name, "Key": key})
        return urlsplit(signed)._replace(query="").geturl()

    def empty(self) -> int:
        """Delete everything in it, old versions too: how many there were."""
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

    def _holds(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.name, Key=key)
        except ClientError as refusal:
            if refusal.response["Error"].get("Code") in ("404", "NoSuchKey"):
                return False
            raise
        return True
