"""Keys and roles for Vault's auto-unseal: a KMS key, and an instance profile that may use it and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from meshlab.live.aws.errors import AwsError, ErrorKind
from meshlab.live.aws.objects import Key, tag_list
from meshlab.live.aws.session import AwsSession

_POLICY = "vault-unseal"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def unseal_policy(key_arn: str) -> dict[str, Any]:
    """What Vault's awskms seal needs on its one key (facts/live-bringup §1.7)."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"],
                "Resource": key_arn,
            }
        ],
    }


def create_key(aws: AwsSession, description: str, tags: Mapping[str, str]) -> Key:
    """Makes a KMS key. Neither token nor natural key: after a lost reply find it by :func:`keys_tagged`.

    A key cannot be taken back at once: it goes 7 to 30 days after it was asked to.
    """
    kms_tags = [{"TagKey": k, "TagValue": v} for k, v in sorted(tags.items())]
    made = aws.call("kms", "create_key", Description=description, Tags=kms_tags)["KeyMetadata"]
    return Key(made["KeyId"], made["Arn"], made["KeyState"])


def enable_rotation(aws: AwsSession, key: str) -> None:
    """Turns yearly rotation on; may be repeated."""
    aws.call("kms", "enable_key_rotation", KeyId=key)


def create_alias(aws: AwsSession, alias: str, key: str) -> None:
    """Names a key (``alias/…``); a taken name is refused (EXISTS)."""
    aws.call("kms", "create_alias", AliasName=alias, TargetKeyId=key)


def key(aws: AwsSession, name: str) -> Key | None:
    """The key of an id, ARN or alias; None when there is none."""
    try:
        row = aws.call("kms", "describe_key", KeyId=name)["KeyMetadata"]
    except AwsError as error:
        if error.kind is ErrorKind.NOT_FOUND:
            return None
        raise
    aliases = aws.rows("kms", "list_aliases", "Aliases", KeyId=row["KeyId"])
    return Key(row["KeyId"], row["Arn"], row["KeyState"], tuple(sorted(a["AliasName"] for a in aliases)))


def keys_tagged(aws: AwsSession, tags: Mapping[str, str]) -> list[Key]:
    """The keys that carry all these tags, those pending deletion included."""
    found = []
    for row in aws.rows("kms", "list_keys", "Keys"):
        on_key = aws.rows("kms", "list_resource_tags", "Tags", KeyId=row["KeyId"])
        there = {tag["TagKey"]: tag["TagValue"] for tag in on_key}
        if all(there.get(name) == value for name, value in tags.items()):
            one = key(aws, row["KeyId"])
            if one is not None:
                found.append(one)
    return found


def delete_alias(aws: AwsSession, alias: str) -> None:
    """Takes a key's name away."""
    aws.call("kms", "delete_alias", AliasName=alias)


def schedule_key_deletion(aws: AwsSession, key_id: str, *, days: int, approved_key: str) -> None:
    """Asks for a key to be destroyed in 7 to 30 days. **Every Vault backup sealed with it is lost with it.**

    Parameters
    ----------
    approved_key
        The id of the key that a person approved for deletion; another one than ``key_id`` is refused.
    """
    if approved_key != key_id:
        raise ValueError(f"deletion of key {key_id} was not approved (approved: {approved_key or 'none'})")
    aws.call("kms", "schedule_key_deletion", KeyId=key_id, PendingWindowInDays=days)


def create_role(aws: AwsSession, name: str, tags: Mapping[str, str]) -> str:
    """Makes a role that EC2 may take on and gives its ARN. Natural key: the name (EXISTS)."""
    made = aws.call(
        "iam",
        "create_role",
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(_TRUST),
        Tags=tag_list(tags),
    )
    return str(made["Role"]["Arn"])


def allow_unseal(aws: AwsSession, role: str, key_arn: str) -> None:
    """Lets a role use one key for Vault's seal; may be repeated."""
    document = json.dumps(unseal_policy(key_arn))
    aws.call("iam", "put_role_policy", RoleName=role, PolicyName=_POLICY, PolicyDocument=document)


def create_instance_profile(aws: AwsSession, name: str, tags: Mapping[str, str]) -> str:
    """Makes an instance profile and gives its ARN. Natural key: the name (EXISTS)."""
    made = aws.call("iam", "create_instance_profile", InstanceProfileName=name, Tags=tag_list(tags))
    return str(made["InstanceProfile"]["Arn"])


def put_role_in_profile(aws: AwsSession, profile: str, role: str) -> None:
    """Puts a role into a profile, which holds one at most."""
    aws.call("iam", "add_role_to_instance_profile", InstanceProfileName=profile, RoleName=role)
    aws.expect(profile)


def role_exists(aws: AwsSession, name: str) -> bool:
    """Whether there is a role of this name."""
    return _exists(aws, "get_role", RoleName=name)


def instance_profile_exists(aws: AwsSession, name: str) -> bool:
    """Whether there is an instance profile of this name."""
    return _exists(aws, "get_instance_profile", InstanceProfileName=name)


def _exists(aws: AwsSession, operation: str, **named: str) -> bool:
    try:
        aws.call("iam", operation, **named)
    except AwsError as error:
        if error.kind is ErrorKind.NOT_FOUND:
            return False
        raise
    return True


def take_role_from_profile(aws: AwsSession, profile: str, role: str) -> None:
    """Takes a role out of a profile."""
    aws.call("iam", "remove_role_from_instance_profile", InstanceProfileName=profile, RoleName=role)


def delete_instance_profile(aws: AwsSession, name: str) -> None:
    """Removes an empty profile; DEPENDENCY while it holds a role."""
    aws.call("iam", "delete_instance_profile", InstanceProfileName=name)


def delete_role(aws: AwsSession, name: str) -> None:
    """Removes a role with the policy that :func:`allow_unseal` gave it; DEPENDENCY while a profile holds it."""
    for policy in aws.rows("iam", "list_role_policies", "PolicyNames", RoleName=name):
        if str(policy) == _POLICY:
            aws.call("iam", "delete_role_policy", RoleName=name, PolicyName=_POLICY)
    aws.call("iam", "delete_role", RoleName=name)
