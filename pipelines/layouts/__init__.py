"""How is a file nobody has seen taken in? A layout says which header means what; a confirmed one is a file.

`HOME/layouts/<name>.json` has the structure of the layouts built into the source modules and is used beside them. For
unknown headers `propose` suggests one from the headers' words and the values' looks; nothing is written before `save`.
"""

from pipelines.layouts.files import Layouts, chosen, load_all, remove, save, validate
from pipelines.layouts.proposal import Choices, Proposal, propose
from pipelines.layouts.trial import check

__all__ = ["Choices", "Layouts", "Proposal", "check", "chosen", "load_all", "propose", "remove", "save", "validate"]
