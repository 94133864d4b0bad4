"""The how-to pages do what they say: their commands and settings are used, from top to bottom, in a new project."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.needs("full"), pytest.mark.once]

PAGES = Path(__file__).parent.parent / "docs" / "howto"
MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""
SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "the-secret-key-of-the-test-projects-is-64-characters-long-like-so"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "rest_framework_simplejwt"]
USE_TZ = True
"""
ISSUE = """
import django; django.setup()
from rest_framework_simplejwt.tokens import AccessToken
print(AccessToken())
"""
# The settings module of another machine, while new settings are rolled out.
BEFORE = "settings_before"
LATER = "datetime(2999, 1, 1, tzinfo=timezone.utc)"
# Prints which of the tokens on stdin are accepted.
ACCEPT = """
import sys, django; django.setup()
from rest_framework_simplejwt.tokens import AccessToken, TokenError
for number, text in enumerate(sys.stdin.read().split()):
    try:
        AccessToken(text)
    except TokenError:
        continue
    print(number)
"""
MADE_UP_KID = r"\d{8}T\d{6}Z-[0-9a-f]{8}"


def blocks(page):
    """Each block of the page: the heading it stands under, its language, its text."""
    text = (PAGES / page).read_text()
    for section in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        heading = section.partition("\n")[0].removeprefix("## ")
        for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL):
            yield heading, language, block


class Project:
    def __init__(self, folder):
        self.folder = folder
        (folder / "manage.py").write_text(MANAGE)
        (folder / "settings.py").write_text(SETTINGS)

    def add_settings(self, text):
        """What was there before is that of a machine which the roll-out has not reached yet."""
        settings = self.folder / "settings.py"
        (self.folder / f"{BEFORE}.py").write_text(settings.read_text())
        settings.write_text(settings.read_text() + text)

    def run(self, *command, text="", settings="settings"):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "DJANGO_SETTINGS_MODULE": settings}
        env["PYTHONPATH"] = os.pathsep.join([str(self.folder), env.get("PYTHONPATH", "")])
        done = subprocess.run(
            command, cwd=self.folder, env=env, input=text, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def wait(self):
        """Until each `not_before` in the settings."""
        for file in self.folder.glob("settings*.py"):
            file.write_text(file.read_text().replace(LATER, "datetime(2001, 1, 1, tzinfo=timezone.utc)"))

    def issue(self, settings="settings"):
        return self.run("python", "-c", ISSUE, settings=settings).strip()

    def accepted(self, tokens, settings="settings"):
        """The positions of those that are."""
        return [
            int(number)
            for number in self.run("python", "-c", ACCEPT, text="\n".join(tokens), settings=settings).split()
        ]

    def signing_kid(self):
        """That of the first key of the directory, which is the one that signs as long as the next one waits."""
        return min(file.stem for file in (self.folder / "signing-keys").glob("*.json"))


def test_rotating_keys_logs_nobody_out_but_those_of_a_leaked_key(tmp_path):
    project = Project(tmp_path)
    tokens = [project.issue()]
    leaked = False
    for heading, language, block in blocks("rotate-keys.md"):
        leaked = leaked or heading == "Replace a leaked key"
        if language == "python" and block.startswith("# settings.py"):
            project.wait()
            project.add_settings(re.sub(r"datetime\(\d[^)]*\)", LATER, block))
            tokens += [project.issue(BEFORE), project.issue()]
            assert project.accepted(tokens, BEFORE) == list(range(len(tokens))), (heading, block)
        for line in block.splitlines() if language == "console" else ():
            command = line.removeprefix("$ ")
            assert command != line, "each line is a command"
            if re.search(MADE_UP_KID, command):
                command = re.sub(MADE_UP_KID, project.signing_kid(), command)
            project.run("bash", "-c", command)
        assert leaked or project.accepted(tokens) == list(range(len(tokens))), (heading, block)
    assert leaked
    assert project.accepted(tokens) == [0, 1, 2], "the others were signed with the key that was deleted"
    assert project.accepted([project.issue()]) == [0]


@pytest.mark.parametrize("page", sorted(path.name for path in PAGES.glob("*.md")))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", (PAGES / page).read_text()):
        assert (PAGES / target).exists(), target


def test_headings_that_are_linked_to_are_there():
    for page in PAGES.glob("*.md"):
        text = page.read_text()
        headings = {
            re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        }
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings, page.name
