"""What all models of files share: field types, and mappings whose values have a model by their name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, StringConstraints, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

NAME_PATTERN = r"^[a-z0-9-]{1,32}$"
HOST_PATTERN = r"^[A-Za-z0-9_.:-]+$"
EXPANDER_PATTERN = r"^GP[AB][0-7]$"
TIME_PATTERN = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
LABEL_URL_PATTERN = r"^[a-z][a-z0-9+.-]*:([A-Za-z0-9._~:/?#@!$&'()*+,;=%-]|\{(site|device|component)\})+$"
LABEL_URL_MAX = 200
URL_PATTERN = (
    r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~:/@!$&'()*+,;=%-]*)?$"
)
URL_MAX = 400
PATH_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]+$"
PATH_MAX = 400
TENANT_PATTERN = r"^[a-z0-9_]+$"
TOPIC_PATTERN = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"
NAME_RULE = "1 to 32 of the characters a-z, 0-9 and -"
WORDS_OF_PATTERN = {
    NAME_PATTERN: f"a name: {NAME_RULE}",
    HOST_PATTERN: "a host name or an IP address",
    LABEL_URL_PATTERN: "an address, with `{site}`, `{device}` and `{component}` to be filled in",
    URL_PATTERN: "an address beginning with http:// or https://, without user, password, query and fragment",
    PATH_PATTERN: "a path",
    TENANT_PATTERN: "lower-case letters, digits and _",
    TOPIC_PATTERN: "a topic: letters, digits, _ and -, parted by /",
    EXPANDER_PATTERN: "`GPA0` to `GPB7`",
    TIME_PATTERN: "a time of day from `00:00` to `24:00`",
}

GPIO_MAX = 63
EXPANDER_PIN = 64  # GPA0; GPB7 is 79

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
LabelUrl = Annotated[str, StringConstraints(max_length=LABEL_URL_MAX, pattern=LABEL_URL_PATTERN)]
Url = Annotated[str, StringConstraints(max_length=URL_MAX, pattern=URL_PATTERN)]
FilePath = Annotated[str, StringConstraints(max_length=PATH_MAX, pattern=PATH_PATTERN)]
Topic = Annotated[str, StringConstraints(max_length=60, pattern=TOPIC_PATTERN)]
TcpPort = Annotated[int, Field(ge=1, le=65_535)]
Host = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=HOST_PATTERN)]
Gpio = Annotated[int, Field(ge=0, le=GPIO_MAX)]
Pin = Gpio | Annotated[str, StringConstraints(pattern=EXPANDER_PATTERN)]
Level = Annotated[int, Field(ge=0, le=1)]
Millivolts = Annotated[int, Field(ge=1_000, le=60_000)]


class Model(BaseModel):
    """Unknown fields are errors, and a number in quotes is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def pin_number(pin: int | str) -> int:
    """A pin as the firmware numbers it: a GPIO as it is, the port expander's from 64 (GPA0) to 79 (GPB7)."""
    if isinstance(pin, int):
        return pin
    return EXPANDER_PIN + (8 if pin[2] == "B" else 0) + int(pin[3])


def pin_name(number: int) -> str:
    """`GPIO 4` or `GPB3`, for people."""
    if number < EXPANDER_PIN:
        return f"GPIO {number}"
    return f"GP{'AB'[(number - EXPANDER_PIN) // 8]}{number % 8}"


@dataclass(frozen=True)
class Shape:
    """What a value is validated as: a model, the mapping for it, and the type that people write.

    `short`: the file has a bare value, which is put into the only field of the model."""

    model: type[BaseModel]
    data: Any
    written: Any
    short: bool = False


class ByName:
    """Marks a mapping whose values have a model by their name, so that errors name the field, not a union.

    `what` the names are called; `rule` tells the names that there are, and `meant` guesses one. `shape` says
    what the value of a name is to be, None for a name of no kind."""

    def __init__(
        self,
        what: str,
        rule: str,
        shape: Callable[[str, Any], Shape | None],
        meant: Callable[[str], str | None],
    ) -> None:
        self.what = what
        self.rule = rule
        self.shape = shape
        self.meant = meant

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._validate, handler(source))

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        found: dict[str, BaseModel] = {}
        errors: list[InitErrorDetails] = []
        for name, fields in value.items():
            shape = self.shape(name, fields) if isinstance(name, str) else None
            if shape is None:
                guess = self.meant(name) if isinstance(name, str) else None
                text = f"is no {self.what}: use {self.rule}" + (f", did you mean `{guess}`?" if guess else "")
                errors.append(_custom("no_kind", text, (name,), name))
                continue
            try:
                found[name] = shape.model.model_validate(shape.data)
            except ValidationError as error:
                for item in error.errors(include_url=False):
                    inner = item["loc"][1:] if shape.short else item["loc"]
                    errors.append(_again(item, (name, *inner)))
        if errors:
            raise ValidationError.from_exception_data("by name", errors)
        return found


_KNOWN_ERRORS = frozenset(get_args(core_schema.ErrorType))


def _again(item: Any, loc: tuple[int | str, ...]) -> InitErrorDetails:
    """A finding of an inner model, at its place in the outer one."""
    if item["type"] not in _KNOWN_ERRORS:
        return _custom(item["type"], item["msg"], loc, item["input"])
    details = InitErrorDetails(type=item["type"], loc=loc, input=item["input"])
    if "ctx" in item:
        details["ctx"] = item["ctx"]
    return details


def _custom(kind: str, text: str, loc: tuple[int | str, ...], value: Any) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError(kind, "{text}", {"text": text}),
        loc=loc,
        input=value,
    )
