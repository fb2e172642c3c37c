"""Letting portals read the media bucket directly: scripts of any page (CORS), and anybody, unless reading is guarded.

So a portal works while no server of ours runs. Only what is meant for readers is opened, never newsreel's own marks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config

from config.settings import Settings
from tasks.records import keys

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CORSConfigurationTypeDef, CORSRuleTypeDef

_DAY_S: Final = 86_400
_EXPOSED: Final = ("Accept-Ranges", "Content-Length", "Content-Range", "ETag", "Last-Modified")


def cors_rules(settings: Settings) -> CORSConfigurationTypeDef:
    """The rules for ``PutBucketCors``: scripts of the settings' sites may read, with ranges and conditions."""
    rule: CORSRuleTypeDef = {
        "AllowedOrigins": list(settings.cors_origins),
        "AllowedMethods": ["GET", "HEAD"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": list(_EXPOSED),
        "MaxAgeSeconds": _DAY_S,
    }
    return {"CORSRules": [rule]}


def read_policy(settings: Settings) -> str:
    """The policy for ``PutBucketPolicy``: anybody may GET what is published."""
    statement = {
        "Sid": "NewsreelReaders",
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{settings.media_bucket}/{prefix}*" for prefix in keys.PUBLIC],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def let_portals_read(settings: Settings, client: S3Client) -> None:
    """Open the media bucket to readers; where the settings ask them for a token, only its CORS rules are set.

    Raises:
        botocore.exceptions.ClientError: the store refuses, or does not know of such rules.
    """
    bucket = settings.media_bucket
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration=cors_rules(settings))
    if settings.read_token.get_secret_value():
        client.delete_bucket_policy(Bucket=bucket)
    else:
        client.put_bucket_policy(Bucket=bucket, Policy=read_policy(settings))


def client_of(env: Mapping[str, str]) -> S3Client:
    """An S3 client for the local stack of this environment."""
    return boto3.client(
        "s3",
        endpoint_url=env["NEWSREEL_S3_ENDPOINT_URL"],
        region_name=env["AWS_DEFAULT_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        config=Config(connect_timeout=5, read_timeout=15, s3={"addressing_style": "path"}),
    )
