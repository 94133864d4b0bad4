from django.db import migrations, models

from rest_framework_simplejwt.revocation.migrations import AlterFieldWithoutNarrowing


class Migration(migrations.Migration):
    dependencies = [("token_blacklist", "0007_auto_20171017_2214")]

    # Backwards, the column stays as it is while an id is too large for an integer.
    operations = [
        AlterFieldWithoutNarrowing(
            model_name="blacklistedtoken",
            name="id",
            field=models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
        ),
        AlterFieldWithoutNarrowing(
            model_name="outstandingtoken",
            name="id",
            field=models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
        ),
    ]
