from django.db import migrations, models

from rest_framework_simplejwt.revocation.migrations import AlterFieldWithoutNarrowing


class Migration(migrations.Migration):
    dependencies = [("token_blacklist", "0003_auto_20171017_2007")]

    operations = [
        AlterFieldWithoutNarrowing(
            model_name="outstandingtoken",
            name="jti_hex",
            field=models.CharField(max_length=255, unique=True),
        ),
    ]
