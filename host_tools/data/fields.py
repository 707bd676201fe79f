"""What the models of messages share: field types, and the JSON Schema that is made of them.

A field whose default is None may be left out and is then never null; one that may be null has no default.
Nothing but the named fields is allowed: a field that the firmware adds makes the test of real traffic red
until it is described here.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAME = "[a-z0-9-]{1,32}"
TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
SHORT = 64  # characters of `jti` and `sub`
PRINTABLE = r"^[ -~]{1,64}$"

Utc = Annotated[
    str, StringConstraints(pattern=TIME_PATTERN), Field(description="RFC 3339, UTC, whole seconds")
]
DeviceName = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
BootId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{12}$")]
Jti = Annotated[
    str, StringConstraints(pattern=PRINTABLE), Field(description="of the order, chosen by who gave it")
]
ClaimedJti = Annotated[str, StringConstraints(max_length=SHORT)]
Sub = Annotated[
    str, StringConstraints(max_length=SHORT), Field(description="who, opaque; empty if not known")
]
Count = Annotated[int, Field(ge=0)]
People = Annotated[int, Field(ge=0, le=9_999, description="people")]
Seconds = Annotated[int, Field(ge=0, description="s")]
Millivolts = Annotated[int, Field(ge=0, le=100_000, description="mV")]
Confidence = Annotated[float, Field(ge=0, le=1, description="0: nobody can tell, 1: certain")]
Yes = Literal[True]

Act = Literal["unlock", "lock", "identify", "reboot", "configure", "log", "update", "selftest", "crash"]
Rejected = Literal[
    "too_large",
    "retained",
    "malformed",
    "key",
    "signature",
    "audience",
    "role",
    "lifetime",
    "expired",
    "not_yet",
    "closed",
    "clock",
    "replayed",
    "busy",
]
Unrenewed = Literal["order", "damaged", "busy", "flash", "unreachable"]
NotUpdated = Literal[
    "hash",
    "block",
    "board",
    "micropython",
    "downgrade",
    "space",
    "power",
    "busy",
    "flash",
    "damaged",
    "crash",
    "watchdog",
    "unreachable",
    "unproven",
    "no_data",
    "aborted",
]
"""Why an update has failed; the board runs what it ran before."""
Failed = Literal["not_opened", "jammed", "contact", "power", "selftest"] | Unrenewed | NotUpdated
Version = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}$")]
Trust = Literal["unknown", "floor", "rtc", "ntp"]
Reset = Literal["power_on", "brownout", "hard", "watchdog", "deepsleep", "soft", "unknown"]
Occupancy = Literal["free", "occupied", "unknown"]
Sensor = Literal["pir", "radar", "tof", "gate"]


class Payload(BaseModel):
    """One JSON object. Only its JSON Schema is used: consumers read tolerantly, tests strictly."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class SchemaMaker(GenerateJsonSchema):
    """Says of a field that may be left out what it is when it is there; titles repeat names only."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = schema["schema"]
        if schema.get("default") is None and inner["type"] == "nullable":
            return self.generate_inner(inner["schema"])
        return super().default_schema(schema)

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The model's JSON Schema, whole in itself."""
    found = model.model_json_schema(schema_generator=SchemaMaker)
    definitions = found.pop("$defs", {})
    return {name: inlined(value, definitions) for name, value in found.items()}


def inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """With each reference replaced by what it refers to: no model refers to itself."""
    if isinstance(schema, list):
        return [inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    if reference is not None:
        others = {name: value for name, value in schema.items() if name != "$ref"}
        return inlined({**definitions[reference.removeprefix("#/$defs/")], **others}, definitions)
    return {name: inlined(value, definitions) for name, value in schema.items()}
