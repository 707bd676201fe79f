"""The form of a kit: one site's description for another city, as a zip file without any secret.

manifest.json   what is in it, with SHA-256; site.yaml; labels.json
boards/<name>/  board.toml and README.md of the boards that the site uses
docs/           what a city that begins needs
outputs/        asyncapi.json: what the site's topics and payloads are
"""

import re
from typing import Annotated

from pydantic import Field, StringConstraints

from host_tools.site.base import Model, Name

FORMAT = 1
MANIFEST = "manifest.json"
SITE_FILE = "site.yaml"
LABELS = "labels.json"
ASYNCAPI = "outputs/asyncapi.json"
FILES_MAX = 200
FILE_MAX_BYTES = 1_048_576
KIT_MAX_BYTES = 8_388_608
NAMES = re.compile(
    r"manifest\.json|site\.yaml|labels\.json|outputs/asyncapi\.json|docs/[A-Za-z0-9][A-Za-z0-9._-]{0,60}\.md"
    r"|boards/[a-z0-9-]{1,32}/(board\.toml|README\.md)"
)
"""All that a kit can hold; nothing with `..`, no absolute path, no other folder."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Manifest(Model):
    format: Annotated[int, Field(ge=1)]
    sportbox: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    site: Name
    site_file_version: Annotated[int, Field(ge=1)]
    files: Annotated[dict[str, Sha256], Field(min_length=1, max_length=FILES_MAX)]
