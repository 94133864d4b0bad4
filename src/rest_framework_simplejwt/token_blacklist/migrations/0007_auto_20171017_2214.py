import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from rest_framework_simplejwt.revocation.migrations import AlterFieldWithoutNarrowing


class Migration(migrations.Migration):
    dependencies = [("token_blacklist", "0006_auto_20171017_2113")]

    # Backwards, a column stays nullable while a row has NULL in it, since no user could be entered there.
    operations = [
        AlterFieldWithoutNarrowing(
            model_name="outstandingtoken",
            name="created_at",
            field=models.DateTimeField(null=True, blank=True),
        ),
        AlterFieldWithoutNarrowing(
            model_name="outstandingtoken",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL, null=True, blank=True
            ),
        ),
    ]
