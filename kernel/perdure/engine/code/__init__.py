"""Code and names: what a cell or function reads, binds and leads to, told from its syntax tree.

`functions` is what the engine and the notebook ask; `source` follows names to code, `names` tells what one
cell does with them. Nothing here runs or records anything.
"""
