"""Every check of this project, each in an environment of its own; .ci/run calls them all."""

import os
import shutil
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
PROJECTS = sorted(path.parent.name for path in Path("tests/projects").glob("*/settings.py"))
# These have tests of their own instead of the suite's.
SPECIAL = sorted({path.parent.name for path in Path("tests/projects").glob("*/test_*.py")})
WITNESS = "witness"
# What was written for 5.5.1, and is tested on it too.
WRITTEN_FOR_PUBLISHED = [WITNESS, "late_settings", "throttled"]
# With the oldest and with the newest versions: neither app, everything, another kind of user, another kind of time.
REPRESENTATIVES = ["bare", "full", "naive_time", "users_uuid", *SPECIAL]
EXTREMES = {("3.10", "lowest"), ("3.13", "latest")}
# 5.2 is the newest Django for Python 3.11.
CELLS = {*EXTREMES, ("3.11", "django4.2"), ("3.11", "latest"), ("3.12", "latest")}
# On each database server: everything, a router, other kinds of users and times.
IN_SQL = ["full", "naive_time", "second_database", "users_uuid", WITNESS]
DATABASES = {
    "postgresql": "postgres://postgres@127.0.0.1:5432/postgres",
    "mariadb": "mysql://root@127.0.0.1:3306/test",
}
REDIS = "redis://127.0.0.1:6379"
DRIVERS = {"postgresql": ["psycopg[binary,pool]"], "mariadb": ["mysqlclient"]}
# Runs a command with a DATABASE_URL that leads through pgbouncer.
BEHIND_PGBOUNCER = ["python", "-m", "tests.pgbouncer"]
PYTEST_AGAIN = ["pytest", "-q", "-m", "not once"]
COMPATIBLE = ["dj-rest-auth", "djoser", "drf-spectacular", "drf-standardized-errors"]


def install(session, group, *extra):
    """The package as it stands here, with a dependency group."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, group), *extra)


def settings(project):
    return f"tests.projects.{project}.settings"


def pytest_each_project(session, *command, projects=PROJECTS, **env):
    """The suite in each project, one on each core; a special one has tests of its own."""

    def run(project):
        tests = f"tests/projects/{project}" if project in SPECIAL else "tests"
        return session.run(*command, f"--ds={settings(project)}", tests, *session.posargs, env=env, silent=True)

    with ThreadPoolExecutor(os.cpu_count()) as cores:
        for project, output in zip(projects, cores.map(run, projects), strict=True):
            session.log(f"project {project}")
            print(output)


@nox.session
def tests(session):
    """The whole suite on SQLite, in every test project, with the branches of src covered by all of them together."""
    install(session, "test")
    session.run("coverage", "erase")
    pytest_each_project(session, "coverage", "run", "-m", "pytest", "-q")
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(python=PYTHONS)
@nox.parametrize("versions", ["lowest", "django4.2", "latest"])
def matrix(session, versions):
    """The suite with each Python, each Django release in support, the lowest versions we promise and the newest."""
    if (session.python, versions) not in CELLS:
        session.skip("another cell has this Python, and another one this Django")
    if versions == "lowest":
        session.run_install("uv", "pip", "install", "-q", "--resolution", "lowest-direct", "-e", ".[crypto,redis]")
    pins = [f"django~={versions.removeprefix('django')}.0"] if versions.startswith("django") else []
    install(session, "test", *pins)
    session.run("uv", "pip", "list", "--quiet", silent=True, external=True)
    session.run("python", "-c", _VERSIONS)
    projects = REPRESENTATIVES if (session.python, versions) in EXTREMES else ["full", *SPECIAL]
    pytest_each_project(session, *PYTEST_AGAIN, projects=projects)


_VERSIONS = """
import platform, django, rest_framework, jwt
versions = {"Django": django.__version__, "DRF": rest_framework.VERSION, "PyJWT": jwt.__version__}
print("Python", platform.python_version(), *(f"{name} {version}" for name, version in versions.items()))
"""


def require(session, name, url):
    """Skip, or with CI=true fail, when no server answers there."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=5).close()
    except OSError as error:
        reason = f"no {name} at {parts.hostname}:{parts.port}: {error}"
        session.error(reason) if os.environ.get("CI") else session.skip(reason)


@nox.session
@nox.parametrize("database", list(DATABASES))
def databases(session, database):
    """The suite on a database server."""
    url = os.environ.get("DATABASE_URL", DATABASES[database])
    require(session, database, url)
    install(session, "test", *DRIVERS[database])
    pytest_each_project(session, *PYTEST_AGAIN, projects=IN_SQL, DATABASE_URL=url)


def require_pgbouncer(session):
    """Skip, or with CI=true fail, where the program is missing. Debian keeps it out of a user's PATH."""
    if shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        reason = "pgbouncer is not installed"
        session.error(reason) if os.environ.get("CI") else session.skip(reason)


@nox.session
def pgbouncer(session):
    """PostgreSQL behind pgbouncer, which lends a connection for one transaction."""
    url = os.environ.get("DATABASE_URL", DATABASES["postgresql"])
    require(session, "postgresql", url)
    require_pgbouncer(session)
    install(session, "test", *DRIVERS["postgresql"])
    alarms = ["pytest", "-q", "--noconftest", "--ds=tests.pgbouncer.settings", "tests/pgbouncer"]
    session.run(*alarms, env={"DATABASE_URL": url})
    pytest_each_project(
        session, *BEHIND_PGBOUNCER, *PYTEST_AGAIN, projects=["full", "second_database"], DATABASE_URL=url
    )


@nox.session
def redis(session):
    """The project that remembers in Redis, on a real one."""
    url = os.environ.get("REDIS_URL", f"{REDIS}/9")
    require(session, "Redis", url)
    install(session, "test")
    session.run("pytest", "-q", f"--ds={settings('redis')}", "tests", *session.posargs, env={"REDIS_URL": url})


@nox.session
@nox.parametrize("store", ["sqlite", *DATABASES, "pgbouncer", "redis"])
def races(session, store):
    """Many threads and processes at one token: one winner, on each store."""
    env = {"RACE_STORE": "sql"}
    command = []
    if store == "pgbouncer":
        require_pgbouncer(session)
        command, store = BEHIND_PGBOUNCER, "postgresql"
    if store in DATABASES:
        env["DATABASE_URL"] = DATABASES[store]
        require(session, store, env["DATABASE_URL"])
    elif store == "redis":
        env = {"RACE_STORE": "redis", "REDIS_URL": f"{REDIS}/8"}
        require(session, "Redis", env["REDIS_URL"])
    install(session, "test", *DRIVERS.get(store, []))
    command = [*command, "pytest", "-q", "--ds=tests.races.settings", "tests/races"]
    session.run(*command, *session.posargs, env=env)


@nox.session
def rotations(session):
    """Signing keys rotate in a service of several processes under load, and no request is refused."""
    install(session, "test", "gunicorn>=22")
    session.run("pytest", "-q", "--ds=tests.rotations.settings", "tests/rotations", *session.posargs)


@nox.session
def benchmarks(session):
    """A quick run: an endpoint that sends more statements than promised makes it fail, a time does not."""
    require(session, "postgresql", DATABASES["postgresql"])
    env = {"BENCHMARK_ENVIRONMENTS": str(Path(session.create_tmp()).resolve())}
    session.run("python", "-m", "benchmarks", "--quick", *(session.posargs or ["--only", "core", "endpoints"]), env=env)


@nox.session
def fuzz(session):
    """Tokens and headers that are almost good, for a bounded time; longer by hand: nox -s fuzz -- --seconds 600."""
    install(session, "test")
    bounds = session.posargs or ["--decode", "200000", "--authenticate", "30000", "--seconds", "30"]
    session.run("python", "-m", "tests.fuzz", *bounds)


@nox.session
def lint(session):
    """Format and lint."""
    session.install(*(name for name in nox.project.dependency_groups(PYPROJECT, "lint") if name.startswith("ruff")))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")


@nox.session
def types(session):
    """The types of the source, strictly, and those of a client project with mypy and pyright."""
    install(session, "types")
    session.run("mypy")
    session.run("pyright")


@nox.session(venv_backend="none")
def figures(session):
    """Print the number and the length of modules and functions, and how often `Any` is used.

    `nox -s figures -- --since COMMIT` also counts the names that changed since then.
    """
    session.run(sys.executable, "-m", "tests.figures", *session.posargs, external=True)


@nox.session
def imports(session):
    """Who may import whom."""
    install(session, "lint")
    session.run("lint-imports", "--no-cache")


@nox.session
def migrations(session):
    """No project has a model that changed without a migration, or a setting that the checks complain of."""
    install(session, "test")
    for project in PROJECTS:
        env = {"DJANGO_SETTINGS_MODULE": settings(project), "PYTHONPATH": "."}
        session.log(f"project {project}")
        for command in (["makemigrations", "--check", "--dry-run"], ["check", "--fail-level", "WARNING"]):
            session.run("python", "-W", "error", "-m", "django", *command, env=env)


@nox.session
@nox.parametrize("package", COMPATIBLE)
def compat(session, package):
    """A small project on a package that builds on this one, from PyPI; nothing may pull in another of our name."""
    session.install(".", *nox.project.dependency_groups(PYPROJECT, "test"), package)
    session.run("python", "-c", _CHECK_DISTRIBUTION)
    name = package.replace("-", "_")
    session.run("pytest", "-q", f"--ds=tests.compat.{name}.settings", f"tests/compat/{name}", *session.posargs)


@nox.session
def tenants(session):
    """django-tenants: a tenant is made while a transaction is open, and its tokens stay in its schema."""
    url = os.environ.get("DATABASE_URL", DATABASES["postgresql"])
    require(session, "postgresql", url)
    session.install(".", *nox.project.dependency_groups(PYPROJECT, "test"), *DRIVERS["postgresql"], "django-tenants")
    command = ["pytest", "-q", "--ds=tests.compat.django_tenants.settings", "tests/compat/django_tenants"]
    session.run(*command, *session.posargs, env={"DATABASE_URL": url})


_CHECK_DISTRIBUTION = """
from importlib.metadata import packages_distributions, version
found = packages_distributions()["rest_framework_simplejwt"]
assert set(found) == {"djangorestframework-simplejwt"}, found
assert version("djangorestframework-simplejwt") == "5.6.0"
"""


@nox.session
def interop(session):
    """PyJWT, joserfc, authlib and Node's jose verify our tokens, we theirs; and the how-to that tells how is run."""
    if missing := [name for name in ("node", "npm", "openssl") if shutil.which(name) is None]:
        reason = f"not on the PATH: {', '.join(missing)}"
        session.error(reason) if os.environ.get("CI") else session.skip(reason)
    folder = Path(session.create_tmp()).resolve() / "node"
    npm = ["npm", "install", "--silent", "--no-save", "--no-package-lock", "--prefix", str(folder), "jose"]
    session.run(*npm, external=True)
    install(session, "test", "joserfc", "authlib")
    command = ["pytest", "-q", f"--ds={settings('bare')}", "tests/interop", *session.posargs]
    session.run(*command, env={"NODE_FOLDER": str(folder)})


def published_and_ours(session, folder):
    """The Python of an environment with the published package, and of one with ours, both new."""
    shutil.rmtree(folder)
    published, ours = (folder / name / "bin" / "python" for name in ("published", "ours"))
    group = nox.project.dependency_groups(PYPROJECT, "test")
    for python, package in {published: ["djangorestframework-simplejwt[crypto]==5.5.1"], ours: ["-e", "."]}.items():
        session.run("uv", "venv", "--quiet", str(python.parent.parent), external=True)
        session.run("uv", "pip", "install", "--quiet", "--python", str(python), *package, *group, external=True)
    return published, ours


@nox.session
def surface(session):
    """Every public name of the published package is in ours, and is called in the same way."""
    folder = Path(session.create_tmp()).resolve()
    published, ours = published_and_ours(session, folder)
    env = {"DJANGO_SETTINGS_MODULE": "tests.surface.settings"}
    for python, module in {published: "tests.surface.describe", ours: "tests.surface.compare"}.items():
        session.run(str(python), "-m", module, str(folder / "published.json"), env=env, external=True)


@nox.session
def upgrade(session):
    """Projects written for 5.5.1 pass their tests on it too; then one database travels to ours and back."""
    folder = Path(session.create_tmp()).resolve()
    published, ours = published_and_ours(session, folder)
    for project in WRITTEN_FOR_PUBLISHED:
        pytest = ["-m", "pytest", "-q", "--noconftest", "-m", "not ours", f"--ds={settings(project)}"]
        session.run(str(published), *pytest, f"tests/projects/{project}", external=True)
    env = {"DJANGO_SETTINGS_MODULE": settings(WITNESS), "DATABASE_URL": f"sqlite:///{folder / 'journey.sqlite3'}"}
    for python in (published, ours, published, ours):
        session.run(str(python), "-m", "tests.upgrade.journey", str(folder / "state.json"), env=env, external=True)


@nox.session
def wheel(session):
    """The wheel holds what it should, and passes the demo in an empty environment, outside the checkout."""
    folder = Path(session.create_tmp()).resolve()
    shutil.rmtree(folder)
    session.run("uv", "build", "--quiet", "--out-dir", str(folder / "dist"), external=True)
    (built,) = (folder / "dist").glob("*.whl")
    session.run("python", "-c", _CHECK_WHEEL, str(built))
    session.install(str(built), *nox.project.dependency_groups(PYPROJECT, "demo"))
    shutil.copytree("demo", folder / "demo", ignore=shutil.ignore_patterns("*.sqlite3*", "__pycache__"))
    session.chdir(folder)
    session.run("python", "demo/manage.py", "quickstart")


_CHECK_WHEEL = """
import sys, zipfile
names = zipfile.ZipFile(sys.argv[1]).namelist()
package = "rest_framework_simplejwt/"
for needed in (
    "py.typed",
    "token_blacklist/migrations/0013_alter_blacklistedtoken_options_and_more.py",
    "token_family/migrations/0002_rename_tokenfamilyblacklist_blacklistedtokenfamily.py",
    "token_blacklist/management/commands/flushexpiredtokens.py",
    "locale/de/LC_MESSAGES/django.po",
    "locale/de/LC_MESSAGES/django.mo",
):
    assert package + needed in names, needed
strangers = [n for n in names if not n.startswith((package, "djangorestframework_simplejwt-5.6.0.dist-info/"))]
assert not strangers, strangers
print(len(names), "files, all of them the package's")
"""
