"""Records in the store: plain JSON whose first key is a checksum of the file. No torch here.

In: a `Record`. Out: its bytes; or from bytes the record, or a ValueError that says what is wrong.
The checksum is SHA-256 over every byte after it, and the bytes before it are fixed, so no change of
a file goes unnoticed. Records of version 1, from before, have no checksum.
"""

import hashlib
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

RECORD_VERSION = 2
HEAD = b'{\n "checksum": "'
BODY = len(HEAD) + hashlib.sha256().digest_size * 2
"""The offset at which the bytes begin that the checksum covers."""


class Frozen(BaseModel):
    """A frozen model, strict about fields and types (`"1"` is not a number); numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Record(Frozen):
    """The content of one file of the store."""

    version: int = RECORD_VERSION


Kind = TypeVar("Kind", bound=Record)
Valid = TypeVar("Valid", bound=Frozen)


def _check_timestamp(text: str) -> str:
    """Refuse a date outside the years 2000 to 2999, or without a time zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not 2000 <= found.year < 3000:
        raise ValueError("expected a date with its time zone")
    return text


Count = Annotated[int, Field(ge=0, le=2**53)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Timestamp = Annotated[str, AfterValidator(_check_timestamp)]
Signature = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern="^[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}$")]
"""A plain file name, without a folder and not hidden."""


def encode_record(record: Record) -> bytes:
    """Encode a record as JSON, with its checksum first."""
    body = b'",' + record.model_dump_json(indent=1).encode()[1:]
    return HEAD + hashlib.sha256(body).hexdigest().encode() + body


def decode_record(kind: type[Kind], data: bytes) -> Kind:
    """Decode what `encode_record` returned, or a record of version 1.

    Raises:
        ValueError: the checksum is wrong or missing, or the record is not valid for its type.
    """
    version = 1
    if data.startswith(HEAD):
        version, body = RECORD_VERSION, data[BODY:]
        if hashlib.sha256(body).hexdigest().encode() != data[len(HEAD) : BODY]:
            raise ValueError("it does not match its checksum")
        data = b"{" + body.removeprefix(b'",')
    record = validate_json(kind, data)
    if record.version != version:
        without = "" if version == RECORD_VERSION else " without a checksum"
        raise ValueError(f"version {record.version}{without}, expected {version}")
    return record


def validate_json(kind: type[Valid], data: bytes) -> Valid:
    """Parse JSON as this type; ValueError names the first invalid field, in one line."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise ValueError(f"{field}: {first['msg']}" if field else first["msg"]) from error
