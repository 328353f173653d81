# SPDX-License-Identifier: BSD-2-Clause
"""The files of the source tree, without what builds leave in it."""

import shutil
import subprocess


def copy_tree(top, to):
    if (top / ".git").exists() and shutil.which("git"):
        names = subprocess.run(["git", "-C", top, "ls-files", "-co", "--exclude-standard"],
                               check=True, capture_output=True, text=True).stdout.splitlines()
    else:
        names = [str(p.relative_to(top)) for p in top.rglob("*")
                 if p.is_file() and not p.relative_to(top).parts[0].startswith(("build", "."))]
    for name in names:
        if (top / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(top / name, to / name)
