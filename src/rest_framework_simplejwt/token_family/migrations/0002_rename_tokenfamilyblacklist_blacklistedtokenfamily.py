from django.conf import settings
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("token_family", "0001_initial"),
    ]

    operations = [migrations.RenameModel(old_name="TokenFamilyBlacklist", new_name="BlacklistedTokenFamily")]
