"""Records as the store keeps them: plain JSON whose first key is a checksum of the file. No torch.

In: a `Record`. Out: its bytes, and from bytes the record again, or a ValueError that says what is
wrong with them. The checksum is SHA-256 over every byte behind it, and what stands before it is
fixed: no byte of a file can change unseen. Records of version 1, from before, have none.
"""

import hashlib
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

RECORD_VERSION = 2
HEAD = b'{\n "checksum": "'
BODY = len(HEAD) + hashlib.sha256().digest_size * 2
"""Where the bytes begin that the checksum is of."""


class Frozen(BaseModel):
    """Frozen, strict about fields and types (no text is a number), and every number is finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Record(Frozen):
    """What one file of the store holds."""

    version: int = RECORD_VERSION


Kind = TypeVar("Kind", bound=Record)
Valid = TypeVar("Valid", bound=Frozen)


def _moment(text: str) -> str:
    """Refuse what is no date of our times, or has no time zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not 2000 <= found.year < 3000:
        raise ValueError("expected a date with its time zone")
    return text


Count = Annotated[int, Field(ge=0, le=2**53)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Moment = Annotated[str, AfterValidator(_moment)]
Signature = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern="^[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}$")]
"""A plain name: of no other folder, and not hidden."""


def encode_record(record: Record) -> bytes:
    """Write a record with its checksum in front."""
    body = b'",' + record.model_dump_json(indent=1).encode()[1:]
    return HEAD + hashlib.sha256(body).hexdigest().encode() + body


def decode_record(kind: type[Kind], data: bytes) -> Kind:
    """Read what `encode_record` wrote, or a record of version 1.

    Raises:
        ValueError: the checksum is wrong or missing, or the record does not mean what its kind
            says.
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
    """Read JSON of a kind; ValueError names the first fault and its place, in one line."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise ValueError(f"{field}: {first['msg']}" if field else first["msg"]) from error
