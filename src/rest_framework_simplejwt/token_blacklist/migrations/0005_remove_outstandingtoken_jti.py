from uuid import NAMESPACE_OID, UUID, uuid5

from django.db import migrations

from rest_framework_simplejwt.revocation.migrations import RemoveDerivedField


def as_uuid(jti, connection):
    """The UUID of which ``jti`` is the hex; for any other text one that is derived from it."""
    try:
        found = UUID(hex=jti)
    except ValueError:
        return uuid5(NAMESPACE_OID, jti)
    # Two spellings of one UUID are two ids.
    if found.hex != jti or (connection.vendor == "mysql" and not mariadb_takes(found)):
        return uuid5(NAMESPACE_OID, jti)
    return found


def mariadb_takes(value):
    """Its type refuses an unknown version of the oldest variant."""
    return value.bytes[6] < 0x80 or value.bytes[8] >= 0x80


class Migration(migrations.Migration):
    dependencies = [("token_blacklist", "0004_auto_20171017_2013")]

    # Backwards, an id that is no UUID in hex stays whole in jti_hex, until 0002 is taken back as well:
    # from then on it can't be restored, and the way forward names that token by the hex of its UUID.
    operations = [
        RemoveDerivedField(model_name="outstandingtoken", name="jti", source="jti_hex", derive=as_uuid),
    ]
