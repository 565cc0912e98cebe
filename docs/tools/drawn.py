"""The directive ``drawn``: examples as a session in Python shows them, and below them the figure that they draw."""

from doctest import DocTestParser
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

FOLDER = "_drawn"  # of the site's source, as Sphinx looks for images there; git ignores it


class Drawn(SphinxDirective):
    """Run the examples, which leave ``axes``, and show the figure of these; pytest runs them too, and compares outputs."""

    has_content = True
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self):
        """Return the code and the figure."""
        code = "\n".join(self.content)
        names = {"__name__": "__main__"}
        for example in DocTestParser().get_examples(f"{code}\n"):
            exec(compile(example.source, self.env.docname, "single"), names)  # noqa: S102 -- our own pages
        serial = self.env.new_serialno("drawn")
        name = f"{FOLDER}/{self.env.docname.replace('/', '-')}-{serial}.svg"
        path = Path(self.env.srcdir) / name
        path.parent.mkdir(exist_ok=True)
        names["axes"].figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
        image = nodes.image(uri=f"/{name}", alt=self.options["alt"])
        return [nodes.literal_block(code, code, language="pycon"), nodes.container("", image, classes=["drawn"])]


def setup(app):
    """Add the directive."""
    app.add_directive("drawn", Drawn)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
