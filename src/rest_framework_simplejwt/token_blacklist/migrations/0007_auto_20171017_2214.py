import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from rest_framework_simplejwt.revocation.migrations import AlterFieldKeepingRows


class Migration(migrations.Migration):
    dependencies = [("token_blacklist", "0006_auto_20171017_2113")]

    # Backwards, a column stays nullable while rows have NULL in it: there is no user to give them.
    operations = [
        AlterFieldKeepingRows(
            model_name="outstandingtoken",
            name="created_at",
            field=models.DateTimeField(null=True, blank=True),
        ),
        AlterFieldKeepingRows(
            model_name="outstandingtoken",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL, null=True, blank=True
            ),
        ),
    ]
