from uuid import NAMESPACE_OID, UUID, uuid5

from django.db import migrations

from rest_framework_simplejwt.revocation.migrations import RemoveDerivedField


def uuid_from_jti(jti, connection):
    """Return the UUID whose hex is ``jti``; for any other text a UUID that is derived from it."""
    try:
        uuid = UUID(hex=jti)
    except ValueError:
        return uuid5(NAMESPACE_OID, jti)
    # Another spelling of the same UUID is another id.
    if uuid.hex != jti or (connection.vendor == "mysql" and not is_valid_in_mariadb(uuid)):
        return uuid5(NAMESPACE_OID, jti)
    return uuid


def is_valid_in_mariadb(value):
    """Return False for an unknown version of the oldest variant, which MariaDB's type rejects."""
    return value.bytes[6] < 0x80 or value.bytes[8] >= 0x80


class Migration(migrations.Migration):
    dependencies = [("token_blacklist", "0004_auto_20171017_2013")]

    # Backwards, an id that is not the hex of a UUID stays in jti_hex until 0002 is reversed too. After that it is lost:
    # if the migrations are applied again, the token gets the hex of its derived UUID as its id.
    operations = [
        RemoveDerivedField(model_name="outstandingtoken", name="jti", source="jti_hex", derive=uuid_from_jti),
    ]
