"""The site file of one site as the beginning of another's: a new name, and marks where a person goes on."""

from typing import Any

import yaml

from host_tools.errors import BadInput
from host_tools.site import yamlfile
from host_tools.site.marks import with_marks

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def as_new_site(content: bytes, name: str) -> str:
    """A right site file of the newest version under a new name, with marks. BadInput where it cannot be."""
    text = content.decode("utf-8-sig").replace("\r\n", "\n")
    try:
        renamed = _with_name(text, name)
        result = with_marks(renamed)
        before, after = yamlfile.parse(content).data, yamlfile.parse(result.encode()).data
        if after != {**before, "site": name}:
            raise ValueError("more than the name changed")
    except (yamlfile.YamlError, ValueError, KeyError) as error:
        raise BadInput(
            "the site file cannot be renamed without touching more", "sportbox site check tells what is wrong"
        ) from error
    return result


def _with_name(text: str, name: str) -> str:
    root: Any = yaml.compose(text, Loader=_Loader)
    node = next(value for key, value in root.value if key.value == "site")
    return text[: node.start_mark.index] + name + text[node.end_mark.index :]
