from pathlib import Path
from pkgutil import iter_modules

from django.db import migrations

PACKAGE_MIGRATIONS = {
    "0001_initial",
    "0002_outstandingtoken_jti_hex",
    "0003_auto_20171017_2007",
    "0004_auto_20171017_2013",
    "0005_remove_outstandingtoken_jti",
    "0006_auto_20171017_2113",
    "0007_auto_20171017_2214",
    "0008_migrate_to_bigautofield",
}


def find_project_migrations(folder):
    """Return the names of a project's own migrations: some projects once generated a ninth one in this folder."""
    found = {module.name for module in iter_modules([folder]) if module.name.startswith("000")}
    return sorted(found - PACKAGE_MIGRATIONS)


class Migration(migrations.Migration):
    dependencies = [
        ("token_blacklist", "0010_fix_migrate_to_bigautofield"),
        *(("token_blacklist", name) for name in find_project_migrations(str(Path(__file__).parent))),
    ]

    operations = []
