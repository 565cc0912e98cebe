"""Blocks of code end with an empty line, for doctest; readers need not see it."""

from docutils import nodes


def _strip(_, doctree):
    for block in doctree.findall(nodes.literal_block):
        if len(block) == 1 and isinstance(block[0], nodes.Text):
            is_plain = block.rawsource == block.astext()
            block[:] = [nodes.Text(block.astext().rstrip("\n"))]
            if is_plain:
                block.rawsource = block.astext()  # or else it is not highlighted


def setup(app):
    """Strip blocks as soon as a page is read."""
    app.connect("doctree-read", _strip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
