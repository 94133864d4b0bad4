from django.db import migrations, models

from rest_framework_simplejwt.revocation.migrations import AddIndexOnline


class Migration(migrations.Migration):
    # PostgreSQL builds an index concurrently outside a transaction only.
    atomic = False

    dependencies = [("token_family", "0002_rename_tokenfamilyblacklist_blacklistedtokenfamily")]

    operations = [
        AddIndexOnline(
            model_name="tokenfamily",
            index=models.Index(fields=["expires_at"], name="tokenfamily_expires_at"),
        ),
    ]
