from pathlib import Path
from pkgutil import iter_modules

from django.db import migrations

OURS = {
    "0001_initial",
    "0002_outstandingtoken_jti_hex",
    "0003_auto_20171017_2007",
    "0004_auto_20171017_2013",
    "0005_remove_outstandingtoken_jti",
    "0006_auto_20171017_2113",
    "0007_auto_20171017_2214",
    "0008_migrate_to_bigautofield",
}


def projects_own(folder):
    """A ninth migration that a project once generated into this folder, as some did."""
    found = {module.name for module in iter_modules([folder]) if module.name.startswith("000")}
    return sorted(found - OURS)


class Migration(migrations.Migration):
    dependencies = [
        ("token_blacklist", "0010_fix_migrate_to_bigautofield"),
        *(("token_blacklist", name) for name in projects_own(str(Path(__file__).parent))),
    ]

    operations = []
