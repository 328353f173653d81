#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the shells complete with the scripts of packaging/completions."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(os.environ["COMPLETIONS"])


def run(*command, directory=None):
    # a home of its own: shells write into it
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300,
                              env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home,
                                   "XDG_DATA_HOME": home, "XDG_CACHE_HOME": home})
    assert done.returncode == 0 and not done.stderr, (command, done.stderr)
    return done.stdout


def bash(*words, directory=None):
    script = """source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _spanflow
        printf '%s\\n' "${COMPREPLY[@]}" """
    return run("bash", "--norc", "-c", script, "bash", SCRIPTS / "spanflow", *words,
               directory=directory).split()


def fish(line, directory=None):
    done = run("fish", "--no-config", "-c",
               f'source {SCRIPTS / "spanflow.fish"}; complete -C "{line}"', directory=directory)
    return [row.split("\t")[0] for row in done.splitlines()]


class Completion(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.directory = place.name
        (Path(self.directory) / "two words.pcap").touch()

    def need(self, shell):
        if not shutil.which(shell):
            self.skipTest(f"no program {shell}")

    def test_bash(self):
        self.need("bash")
        self.assertEqual(bash("spanflow", "me"), ["meter"])
        self.assertEqual(bash("spanflow", "meter", "--outp"), ["--output"])
        self.assertEqual(bash("spanflow", "meter", "-o", "j"), ["json"])
        self.assertEqual(bash("spanflow", "check", "-o", ""), ["table", "json"])
        self.assertIn("lo", bash("spanflow", "meter", "--interface", ""))
        self.assertEqual(bash("spanflow", "list", "f"), ["fields"])
        self.assertEqual(bash("spanflow", "help", "ch"), ["check"])
        self.assertEqual(bash("spanflow", "ask", "dns"), ["dns-tunnels"])
        self.assertEqual(bash("spanflow", "ask", "new", "two", directory=self.directory), ["two", "words.pcap"])
        self.assertEqual(bash("spanflow", "meter", "-e", "//host,ra"), ["//host,rate="])
        self.assertIn("//host,rate=5,biflow=", bash("spanflow", "meter", "-e", "//host,rate=5,"))
        # free text is not completed, and options of one subcommand belong to it alone
        self.assertEqual(bash("spanflow", "meter", "--filter", ""), [])
        self.assertEqual(bash("spanflow", "show", "--ring"), [])
        self.assertEqual(bash("spanflow", "meter", "--read", "two", directory=self.directory),
                         ["two", "words.pcap"])

    def test_fish(self):
        self.need("fish")
        self.assertEqual(fish("spanflow me"), ["meter"])
        self.assertEqual(fish("spanflow meter --outp"), ["--output"])
        self.assertEqual(fish("spanflow meter --output j"), ["json"])
        self.assertEqual(fish("spanflow list fi"), ["fields"])
        self.assertEqual(fish("spanflow ask dns"), ["dns-tunnels"])
        self.assertTrue(any("words" in row for row in fish("spanflow ask new tw", directory=self.directory)))
        self.assertIn("lo", fish("spanflow check -i "))
        self.assertEqual(fish("spanflow show --ring"), [])

    def test_zsh(self):
        """In a terminal of its own, as zsh completes nowhere else."""
        self.need("zsh")
        script = f"""zmodload zsh/zpty; fpath=({SCRIPTS} $fpath)
            zpty shell zsh -f -i; zpty -w shell "PS1='> '; fpath=({SCRIPTS} \\$fpath)"
            zpty -w shell 'autoload -Uz compinit; compinit -u -D'
            zpty -w -n shell $'spanflow meter --outp\\t j\\t; spanflow me\\t\\nexit\\n'
            zpty -r shell text '*exit*'; print -r -- $text"""
        text = run("zsh", "-f", "-c", script, directory=self.directory)
        text = re.sub(r".\x08", "", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))
        self.assertIn("spanflow meter --output json", text)


if __name__ == "__main__":
    unittest.main()
