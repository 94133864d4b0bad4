from django.db import migrations, models

from rest_framework_simplejwt.revocation.migrations import AddFieldWithoutNarrowing


class Migration(migrations.Migration):
    dependencies = [("token_blacklist", "0001_initial")]

    operations = [
        AddFieldWithoutNarrowing(
            model_name="outstandingtoken",
            name="jti_hex",
            field=models.CharField(max_length=255, null=True, blank=True),
        ),
    ]
