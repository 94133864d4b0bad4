"""Types that several modules share."""

from __future__ import annotations

from typing import Any, TypeAlias

# A decoded JSON object, such as the claims of a token: whoever reads a member knows its type, or checks it.
JSONObject: TypeAlias = dict[str, Any]
