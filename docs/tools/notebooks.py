"""The notebooks stand beside the site, and Sphinx reads what stands in it."""

import shutil


def copy_notebooks(source):
    """Copy the notebooks that are new or have changed into the folder of the site; git ignores them there."""
    folder = source / "notebooks"
    for original in sorted((source.parent / "notebooks").glob("*.ipynb")):
        copy = folder / original.name
        if not copy.exists() or copy.read_bytes() != original.read_bytes():
            shutil.copyfile(original, copy)
