"""The effective policy of a mesh as neutral JSON (`schemas/facts.schema.json`), one module per kind of fact."""
