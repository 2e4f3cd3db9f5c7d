"""A Secret shows its mask wherever a value can be shown by accident."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import pickle
import traceback

import pytest

from meshlab.live.secret import MASK, Secret, SecretLeak

VALUE = "hvs.very-secret-value"


def test_every_way_of_writing_a_secret_shows_the_mask() -> None:
    secret = Secret(VALUE, name="root token")
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        f"{secret!r}",
    ]
    assert all(VALUE not in text and MASK in text for text in shown)


def test_a_dataclass_and_a_container_do_not_show_it() -> None:
    @dataclasses.dataclass
    class Login:
        user: str
        token: Secret[str]

    login = Login("admin", Secret(VALUE))
    assert (
        VALUE not in repr(login)
        and VALUE not in repr([login])
        and VALUE not in repr(dataclasses.asdict(login))
    )


def test_a_pickle_does_not_carry_it() -> None:
    data = pickle.dumps({"token": Secret(VALUE, name="root token")})
    assert VALUE.encode() not in data
    assert pickle.loads(data)["token"].reveal() == MASK


def test_json_refuses_it_and_writes_the_mask_when_asked() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps({"token": Secret(VALUE)})
    assert VALUE not in str(caught.value)
    assert json.loads(json.dumps({"token": Secret(VALUE)}, default=Secret.mask)) == {"token": MASK}


def test_a_traceback_with_locals_does_not_show_it() -> None:
    secret = Secret(VALUE)
    try:
        raise ValueError(f"login failed with {secret}")
    except ValueError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert VALUE not in text


def test_a_log_line_does_not_show_it() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("secret-test")
    logger.addHandler(handler)
    try:
        logger.error("token %s %r", Secret(VALUE), Secret(VALUE))
    finally:
        logger.removeHandler(handler)
    assert VALUE not in stream.getvalue() and MASK in stream.getvalue()


def test_it_cannot_be_joined_or_iterated_by_accident() -> None:
    with pytest.raises(SecretLeak):
        Secret(VALUE) + "x"
    with pytest.raises(SecretLeak):
        list(Secret(VALUE))
    with pytest.raises(TypeError):
        hash(Secret(VALUE))


def test_reveal_gives_the_value_and_copies_keep_it() -> None:
    assert copy.deepcopy(Secret(VALUE)).reveal() == VALUE
    assert Secret(VALUE) == Secret(VALUE.encode())
    assert Secret(Secret(VALUE, name="x")).name == "x"
    assert not Secret("")


def test_a_pydantic_model_dumps_the_mask() -> None:
    from pydantic import BaseModel

    class Login(BaseModel):
        token: Secret[str]

    login = Login.model_validate({"token": VALUE})
    assert VALUE not in login.model_dump_json() and VALUE not in repr(login)
    assert login.token.reveal() == VALUE
