from django.db import migrations, models

from rest_framework_simplejwt.revocation.migrations import AlterFieldKeepingRows


class Migration(migrations.Migration):
    dependencies = [("token_blacklist", "0007_auto_20171017_2214")]

    # Backwards, a table stays as it is if an id in it is too large for an integer.
    operations = [
        AlterFieldKeepingRows(
            model_name="blacklistedtoken",
            name="id",
            field=models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
        ),
        AlterFieldKeepingRows(
            model_name="outstandingtoken",
            name="id",
            field=models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
        ),
    ]
