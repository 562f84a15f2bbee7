"""Roots in a bucket that speaks S3 (extra ``s3``): an object each, written only where none is.

A bucket with versioning and object lock, in an account that the store's owner cannot touch, is the strongest of the
witnesses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from ...domain.errors import Rejected
from . import away, disagrees

T = TypeVar("T")
_DIGITS = 12
_GONE = {"NoSuchKey", "404"}
_TAKEN = {"PreconditionFailed", "412", "ConditionalRequestConflict"}


class BucketWitness:
    """See the port. ``s3://bucket/prefix?endpoint=https://host&region=name``; credentials come as boto3 finds them."""

    def __init__(self, url: str) -> None:
        try:
            import boto3  # pyright: ignore[reportMissingTypeStubs]
            import botocore.exceptions as errors  # pyright: ignore[reportMissingTypeStubs]
        except ImportError as error:
            raise Rejected(
                "audit.no_s3", "Roots in a bucket need boto3: pip install 'holdfast[s3]', or name a file instead."
            ) from error
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        self.where = f"the bucket {self._bucket}"
        self._errors: Any = errors
        self._seen = 0
        make: Any = boto3.client  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        self._s3: Any = make("s3", endpoint_url=query.get("endpoint", [None])[0], region_name=query.get("region", [None])[0])

    async def keep(self, number: int, root: bytes) -> None:
        """See the port."""

        def put() -> bool:
            try:
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=self._key(number),
                    Body=root,
                    ContentType="application/json",
                    IfNoneMatch="*",
                )
            except self._errors.ClientError as error:
                if _code(error) not in _TAKEN:
                    raise
                return False
            return True

        if not await self._call(put) and await self.kept(number) != root:
            raise disagrees(self.where, number)

    async def kept(self, number: int) -> bytes | None:
        """See the port."""

        def get() -> bytes | None:
            try:
                return self._s3.get_object(Bucket=self._bucket, Key=self._key(number))["Body"].read()
            except self._errors.ClientError as error:
                if _code(error) in _GONE:
                    return None
                raise

        return await self._call(get)

    async def last(self) -> int:
        """See the port. Roots are never removed, so that only newer ones than the last one seen are listed."""

        def look() -> int:
            found = self._seen
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._key(0)[: -_DIGITS - 5], StartAfter=self._key(found)
            )
            for page in pages:
                for item in page.get("Contents", []):
                    found = max(found, int(item["Key"][-_DIGITS - 5 : -5]))
            return found

        self._seen = await self._call(look)
        return self._seen

    def _key(self, number: int) -> str:
        return f"{self._prefix + '/' if self._prefix else ''}root-{number:0{_DIGITS}}.json"

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except (self._errors.ClientError, self._errors.BotoCoreError) as error:
            raise away(self.where, error) from error


def _code(error: Any) -> str:
    return str(error.response["Error"]["Code"])
