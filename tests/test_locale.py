"""The translations are complete, and the errors that clients see are rendered in them."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.apps import apps
from django.conf import global_settings
from django.utils import translation

import rest_framework_simplejwt
from rest_framework_simplejwt import claims
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

PACKAGE = Path(rest_framework_simplejwt.__file__).parent
CATALOGUES = {path.parts[-3]: path for path in sorted(PACKAGE.glob("locale/*/LC_MESSAGES/django.po"))}
KEYWORDS = {**DEFAULT_KEYWORDS, "_": None, "gettext_lazy": None}

# One project is enough: catalogues are files.
pytestmark = pytest.mark.needs("full")

each_language = pytest.mark.parametrize("name", CATALOGUES)

# The values that LANGUAGE_CODE may have: Django's, and the folder names of 5.5.1 and of its main branch.
LANGUAGES_OF_THE_PUBLISHED_PACKAGE = [
    *((code, code) for code in "ar cs de el es fa fr he id it kk ko nl pl ro ru sl sv tr uk".split()),
    *((code, code[:2]) for code in "es-ar es-cl fa-ir he-il id-id it-it ko-kr nl-nl pl-pl ru-ru uk-ua".split()),
    ("pt-br", "pt_BR"),
    ("zh-hans", "zh_Hans"),
]


def read_catalogue(name):
    with CATALOGUES[name].open("rb") as file:
        return read_po(file, abort_invalid=True)


def messages(name):
    return [message for message in read_catalogue(name) if message.id]


def placeholders(text):
    """Returns the placeholders `{}` of a text, each with the quotation marks around it."""
    return sorted(re.findall(r"'?\{[^}]*\}'?", text))


def compile_into(folder, catalogue, name):
    target = folder / "locale" / name / "LC_MESSAGES" / "django.mo"
    target.parent.mkdir(parents=True)
    with target.open("wb") as file:
        write_mo(file, catalogue)


def build_error():
    """Returns the error of a malformed token, whose text is translated when it is read."""
    with pytest.raises(TokenError) as error:
        RefreshToken("garbage")
    return error.value


@pytest.fixture(scope="module")
def marked_messages():
    """The messages that the source marks for translation."""
    found = extract_from_dir(PACKAGE, method_map=[("**.py", "python")], keywords=KEYWORDS)
    return {message for _, _, message, _, _ in found}


@pytest.fixture
def use_catalogues_in(monkeypatch, settings):
    """Makes the installed app use the catalogues of a folder, even if the build has compiled its own."""

    def install(folder):
        app = apps.get_app_config("rest_framework_simplejwt")
        assert Path(app.path) == PACKAGE
        monkeypatch.setattr(app, "path", str(folder))
        # Django clears its loaded catalogues when this setting changes, and when it is restored.
        settings.LANGUAGES = list(global_settings.LANGUAGES)

    return install


@pytest.fixture
def translated_app(tmp_path, use_catalogues_in):
    """Makes the installed app use only one of its catalogues: `translated_app("de")`."""

    def install(name):
        compile_into(tmp_path, read_catalogue(name), name)
        use_catalogues_in(tmp_path)

    return install


@pytest.fixture(scope="module")
def all_catalogues(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalogues")
    for name in CATALOGUES:
        compile_into(folder, read_catalogue(name), name)
    return folder


def test_every_catalogue_is_found():
    assert len(CATALOGUES) == 24


def test_marked_messages_are_extracted(marked_messages):
    assert {"Token is invalid", "Token has no '{}' claim", "Token Blacklist"} <= marked_messages


@each_language
def test_a_catalogue_has_exactly_the_marked_messages(name, marked_messages):
    assert {message.id for message in messages(name)} == marked_messages


@each_language
def test_every_line_of_a_catalogue_is_well_formed(name):
    line = re.compile(r'(#.*|((msgid|msgstr) )?"([^"\\]|\\.)*")?')
    text = CATALOGUES[name].read_text(encoding="utf-8")
    assert [found for found in text.splitlines() if not line.fullmatch(found)] == []


@each_language
def test_a_catalogue_has_each_message_once(name):
    text = CATALOGUES[name].read_text(encoding="utf-8")
    assert len(re.findall(r"^msgid ", text, re.MULTILINE)) == len(messages(name)) + 1


@each_language
def test_every_message_is_translated(name):
    assert [message.id for message in messages(name) if message.fuzzy or not message.string] == []


@each_language
def test_every_translation_keeps_the_placeholders(name):
    changed = [message.id for message in messages(name) if placeholders(message.string) != placeholders(message.id)]
    assert changed == []


@each_language
def test_messages_with_placeholders_have_the_format_flag(name):
    text = CATALOGUES[name].read_text(encoding="utf-8")
    for flag, message in re.findall(r'(#, python-brace-format\n)?msgid "(.*)"', text):
        assert bool(flag) is ("{}" in message)


@each_language
def test_no_catalogue_has_invisible_direction_marks(name):
    text = CATALOGUES[name].read_text(encoding="utf-8")
    assert re.findall("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", text) == []


@each_language
def test_a_catalogue_is_for_the_language_of_its_folder(name):
    assert str(read_catalogue(name).locale) == name
    assert translation.to_language(name) in dict(global_settings.LANGUAGES)


@pytest.mark.needs("rest_framework_simplejwt")
def test_the_installed_app_provides_the_translations(translated_app):
    translated_app("de")
    error = build_error()
    assert str(error) == "Token is invalid"
    with translation.override("de"):
        assert str(error) == "Das Token ist ungültig"


@pytest.mark.needs("rest_framework_simplejwt")
def test_the_placeholder_of_a_translation_is_filled(translated_app):
    translated_app("de")
    with pytest.raises(TokenError) as error:
        claims.read_time({}, "exp")
    with translation.override("de"):
        assert str(error.value) == "Das Token hat keinen Claim 'exp'"


@pytest.mark.needs("rest_framework_simplejwt")
@each_language
def test_an_error_is_rendered_in_every_language(name, translated_app):
    translated_app(name)
    error = build_error()
    with translation.override(translation.to_language(name)):
        assert str(error) == read_catalogue(name)["Token is invalid"].string != "Token is invalid"


@pytest.mark.needs("rest_framework_simplejwt")
@pytest.mark.parametrize(("code", "name"), LANGUAGES_OF_THE_PUBLISHED_PACKAGE)
def test_a_language_of_the_published_package_is_still_translated(code, name, all_catalogues, use_catalogues_in):
    use_catalogues_in(all_catalogues)
    error = build_error()
    with translation.override(code):
        assert str(error) == read_catalogue(name)["Token is invalid"].string != "Token is invalid"


@pytest.mark.needs("rest_framework_simplejwt")
def test_only_a_missing_message_is_shown_in_english(tmp_path, use_catalogues_in):
    catalogue = read_catalogue("de")
    catalogue.delete("User not found")
    compile_into(tmp_path, catalogue, "de")
    use_catalogues_in(tmp_path)
    with translation.override("de"):
        assert translation.gettext("User not found") == "User not found"
        assert str(build_error()) == "Das Token ist ungültig"
