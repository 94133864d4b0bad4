from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("token_blacklist", "0014_outstandingtoken_expires_at_index")]

    operations = [
        migrations.AddField(
            model_name="outstandingtoken",
            name="family_id",
            field=models.CharField(max_length=255, null=True, blank=True, verbose_name="family ID"),
        ),
    ]
