from django.db import migrations

from rest_framework_simplejwt.revocation.migrations import fill_column


def uuid_to_hex(apps, schema_editor):
    """Fill ``jti_hex`` with the hexadecimal digits of ``jti``, where it is NULL."""
    # Rows that later migrations were reversed on have their id in jti_hex already.
    model = apps.get_model("token_blacklist", "OutstandingToken")
    fill_column(schema_editor, model, "jti_hex", "jti", lambda jti, _: jti.hex)


class Migration(migrations.Migration):
    dependencies = [("token_blacklist", "0002_outstandingtoken_jti_hex")]

    # Nothing to do backwards: each row has its jti until 0005 removes the column.
    operations = [
        migrations.RunPython(uuid_to_hex, migrations.RunPython.noop, hints={"model_name": "outstandingtoken"})
    ]
