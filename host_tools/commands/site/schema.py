"""`sportbox site schema`: the JSON Schema of site files, for editors."""


def schema() -> None:
    """Print the JSON Schema of site files: editors complete and check with it."""
    import json

    from host_tools.site.schema import site_schema

    print(json.dumps(site_schema(), indent=2, ensure_ascii=False))
