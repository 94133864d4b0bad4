import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="TokenFamily",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("family_id", models.CharField(max_length=255, unique=True, verbose_name="family ID")),
                ("created_at", models.DateTimeField(blank=True, verbose_name="created at")),
                ("expires_at", models.DateTimeField(null=True, blank=True, verbose_name="expires at")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                        null=True,
                        blank=True,
                        related_name="token_families",
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "Token Family",
                "verbose_name_plural": "Token Families",
                "ordering": ("user",),
            },
        ),
        migrations.CreateModel(
            name="TokenFamilyBlacklist",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("blacklisted_at", models.DateTimeField(auto_now_add=True, verbose_name="blacklisted at")),
                (
                    "family",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="token_family.tokenfamily",
                        related_name="blacklisted",
                        verbose_name="family",
                    ),
                ),
            ],
            options={
                "verbose_name": "Blacklisted Token Family",
                "verbose_name_plural": "Blacklisted Token Families",
            },
        ),
    ]
