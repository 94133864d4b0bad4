from django.db import migrations, models

from rest_framework_simplejwt.revocation.migrations import AddIndexOnline


class Migration(migrations.Migration):
    # PostgreSQL builds an index concurrently outside a transaction only.
    atomic = False

    dependencies = [("token_blacklist", "0013_alter_blacklistedtoken_options_and_more")]

    operations = [
        AddIndexOnline(
            model_name="outstandingtoken",
            index=models.Index(fields=["expires_at"], name="outstandingtoken_expires_at"),
        ),
    ]
