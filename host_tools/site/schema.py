"""The JSON Schema of a site file (draft 2020-12), with components described by kind."""

from typing import Any

from host_tools.site.models import COMPONENT_MODELS, KIND_OF_PREFIX, Site

TITLE = "sportbox site file"


def site_schema() -> dict[str, Any]:
    schema = Site.model_json_schema()
    components = schema["$defs"]["Device"]["properties"]["components"]
    components["patternProperties"] = {
        f"^{prefix}-[1-9][0-9]?$": {
            "anyOf": [{"$ref": f"#/$defs/{COMPONENT_MODELS[kind].__name__}"}, {"type": "null"}]
        }
        for prefix, kind in KIND_OF_PREFIX.items()
    }
    components["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": TITLE}
