"""The JSON Schema of a site file (draft 2020-12), with components described by kind."""

from typing import Any

from host_tools.site.kinds import KINDS, NUMBER
from host_tools.site.models import Site

TITLE = "sportbox site file"


def site_schema() -> dict[str, Any]:
    schema = Site.model_json_schema()
    components = schema["$defs"]["Device"]["properties"]["components"]
    components["patternProperties"] = {
        f"^{prefix}-{NUMBER}$": {"anyOf": [{"$ref": f"#/$defs/{kind.model.__name__}"}, {"type": "null"}]}
        for prefix, kind in KINDS.items()
    }
    components["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": TITLE}
