# For pyright only. Beam's own hints give `PValue` for every `pipeline | transform`, whatever comes out of it, so that
# no composite transform checks; without them its names are Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
