import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("token_blacklist", "0012_alter_outstandingtoken_user"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="blacklistedtoken",
            options={"verbose_name": "Blacklisted Token", "verbose_name_plural": "Blacklisted Tokens"},
        ),
        migrations.AlterModelOptions(
            name="outstandingtoken",
            options={
                "ordering": ("user",),
                "verbose_name": "Outstanding Token",
                "verbose_name_plural": "Outstanding Tokens",
            },
        ),
        migrations.AlterField(
            model_name="blacklistedtoken",
            name="blacklisted_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="blacklisted at"),
        ),
        migrations.AlterField(
            model_name="blacklistedtoken",
            name="token",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                to="token_blacklist.outstandingtoken",
                verbose_name="token",
            ),
        ),
        migrations.AlterField(
            model_name="outstandingtoken",
            name="created_at",
            field=models.DateTimeField(null=True, blank=True, verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="outstandingtoken",
            name="expires_at",
            field=models.DateTimeField(verbose_name="expires at"),
        ),
        migrations.AlterField(
            model_name="outstandingtoken",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.SET_NULL,
                to=settings.AUTH_USER_MODEL,
                null=True,
                blank=True,
                verbose_name="user",
            ),
        ),
    ]
