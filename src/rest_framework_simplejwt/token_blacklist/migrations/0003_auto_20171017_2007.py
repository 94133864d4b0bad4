from uuid import UUID

from django.db import migrations


def uuid_to_hex(apps, schema_editor):
    rows = apps.get_model("token_blacklist", "OutstandingToken").objects.using(schema_editor.connection.alias)
    for row in rows.only("jti").iterator():
        row.jti_hex = row.jti.hex
        row.save(update_fields=["jti_hex"])


def hex_to_uuid(apps, schema_editor):
    rows = apps.get_model("token_blacklist", "OutstandingToken").objects.using(schema_editor.connection.alias)
    for row in rows.only("jti_hex").iterator():
        row.jti = UUID(hex=row.jti_hex)
        row.save(update_fields=["jti"])


class Migration(migrations.Migration):
    dependencies = [("token_blacklist", "0002_outstandingtoken_jti_hex")]

    operations = [migrations.RunPython(uuid_to_hex, hex_to_uuid)]
