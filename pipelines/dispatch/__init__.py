"""智能分派: which issue a text is about and which unit is in charge. A suggestion, never the decision.

`library` says it by words the office can edit, `model` by what the office's own history shows, `duty` turns an issue and a
place into a unit, `suggest` puts the three together. Nothing here looks at a person: text comes in redacted.

Depends on no other part of `pipelines` but `config` (where seeds lie) and `errors`, so the dashboard may use it too.
"""
