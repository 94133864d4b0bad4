"""The two optional apps: their models, admin, migrations, flush commands and settings."""

import importlib
from datetime import timedelta
from io import StringIO
from unittest import mock
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections, models, router
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.test.utils import CaptureQueriesContext, isolate_apps

from rest_framework_simplejwt import signals
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import aware_utcnow

BLACKLIST = "rest_framework_simplejwt.token_blacklist"
FAMILY = "rest_framework_simplejwt.token_family"


def models_of(app):
    """The model of issued tokens or families, and that of their revocations."""
    module = importlib.import_module(f"{app}.models")
    names = {BLACKLIST: ("OutstandingToken", "BlacklistedToken"), FAMILY: ("TokenFamily", "BlacklistedTokenFamily")}
    return tuple(getattr(module, name) for name in names[app])


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(BLACKLIST, marks=pytest.mark.needs("no token_blacklist")),
        pytest.param(FAMILY, marks=pytest.mark.needs("no token_family")),
    ],
)
class TestMissingApp:
    def test_its_models_are_abstract_and_not_registered(self, app):
        for model in models_of(app):
            assert model._meta.abstract
            assert model not in apps.get_models()

    @pytest.mark.django_db
    def test_importing_its_models_leaves_nothing_to_migrate(self, app):
        models_of(app)
        call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())


with_blacklist = pytest.param(BLACKLIST, marks=pytest.mark.needs("token_blacklist"), id="token_blacklist")
with_family = pytest.param(FAMILY, marks=pytest.mark.needs("token_family"), id="token_family")
each_app = pytest.mark.parametrize("app", [with_blacklist, with_family])
ID_FIELDS = {BLACKLIST: "jti", FAMILY: "family_id"}
LINKS = {BLACKLIST: "token", FAMILY: "family"}


@pytest.fixture
def refresh(user):
    return RefreshToken.for_user(user)


@pytest.fixture
def rows(app, refresh):
    """The row of an issued token or family, and that of its revocation."""
    _, revoked_model = models_of(app)
    revoked, _ = refresh.blacklist() if app == BLACKLIST else refresh.blacklist_family()
    assert revoked_model.objects.get() == revoked
    return getattr(revoked, LINKS[app]), revoked


@each_app
class TestModels:
    def test_str_names_the_user(self, app, rows, user):
        issued, revoked = rows
        name = {BLACKLIST: "oken", FAMILY: "oken family"}[app]
        assert str(issued) == f"T{name} for {user} ({getattr(issued, ID_FIELDS[app])})"
        assert str(revoked) == f"Blacklisted t{name} for {user}"

    def test_rows_are_kept_when_their_user_is_deleted(self, app, rows, user):
        user.delete()
        issued, revoked = rows
        for row in rows:
            row.refresh_from_db()
        assert issued.user is None
        assert str(revoked).endswith(" for None")

    def test_models_have_readable_plural_names(self, app):
        names = [str(model._meta.verbose_name_plural) for model in models_of(app)]
        assert (
            names
            == {
                BLACKLIST: ["Outstanding Tokens", "Blacklisted Tokens"],
                FAMILY: ["Token Families", "Blacklisted Token Families"],
            }[app]
        )


@pytest.mark.needs("token_blacklist")
def test_common_queries_of_projects_work(user):
    outstanding, blacklisted = models_of(BLACKLIST)
    RefreshToken.for_user(user)
    row = outstanding.objects.get(user=user, blacklistedtoken__isnull=True)
    RefreshToken(row.token).blacklist()
    assert not outstanding.objects.filter(user=user, blacklistedtoken__isnull=True).exists()
    assert blacklisted.objects.get_or_create(token=row)[1] is False


@pytest.mark.needs("token_blacklist")
class TestWithoutStoredTexts:
    @pytest.fixture(autouse=True)
    def _store_no_texts(self, simple_jwt):
        simple_jwt(STORE_OUTSTANDING_TOKENS="none", ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)

    def test_the_token_column_is_empty_and_revocation_works(self, user, post):
        refresh = post("refresh", refresh=str(RefreshToken.for_user(user))).json()["refresh"]
        outstanding, blacklisted = models_of(BLACKLIST)
        assert [row.token for row in outstanding.objects.all()] == ["", ""]
        assert blacklisted.objects.count() == 1
        assert post("blacklist", refresh=refresh).status_code == 200
        assert post("refresh", refresh=refresh).status_code == 401

    @pytest.mark.needs("admin")
    def test_the_admin_lists_and_shows_the_rows(self, user, client):
        from django.urls import reverse

        user.is_staff = user.is_superuser = True
        user.save()
        client.force_login(user)
        jti = RefreshToken.for_user(user)["jti"]
        row = models_of(BLACKLIST)[0].objects.get(jti=jti)
        for page, args in (("changelist", []), ("change", [row.pk])):
            response = client.get(reverse(f"admin:token_blacklist_outstandingtoken_{page}", args=args))
            assert jti in response.content.decode()


@pytest.mark.needs("token_family")
def test_a_user_has_token_families_and_a_family_its_revocation(user, refresh):
    family = user.token_families.get()
    assert family.family_id == refresh.get_family_id()
    revoked, _ = refresh.blacklist_family()
    assert family.blacklisted == revoked


@pytest.mark.needs("admin")
@isolate_apps("django.contrib.auth")
def test_searchable_path_follows_relations_to_a_column():
    from rest_framework_simplejwt.revocation.admin import search_lookup

    class Labelled(models.Model):
        class Meta:
            abstract = True
            app_label = "auth"

    class Card(Labelled):
        number = models.CharField(max_length=9, unique=True)

    class Account(Labelled):
        id = models.OneToOneField(Card, primary_key=True, on_delete=models.CASCADE)
        name = models.CharField(max_length=9)

    class Employee(Account):
        login = models.ForeignKey(Card, to_field="number", on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "auth"

    assert search_lookup(Card, "pk") == "pk"
    assert search_lookup(Account, "pk") == "pk__id"
    assert search_lookup(Employee, "pk") == "pk__id__id"
    assert search_lookup(Employee, "name") == "name"
    assert search_lookup(Employee, "login") == "login__number"


@pytest.mark.needs("admin")
@each_app
class TestAdmin:
    @pytest.fixture
    def admin_client(self, client, user):
        user.is_staff = user.is_superuser = True
        user.save()
        client.force_login(user)
        return client

    def url(self, model, page="changelist", *args):
        from django.urls import reverse

        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)

    def test_the_lists_show_the_ids(self, app, rows, admin_client):
        for row in rows:
            page = admin_client.get(self.url(type(row)))
            assert getattr(rows[0], ID_FIELDS[app]) in page.content.decode()

    def test_rows_are_found_by_id_and_by_user(self, app, rows, admin_client, user):
        for row in rows:
            for query in (getattr(rows[0], ID_FIELDS[app]), str(user.pk), user.get_username()):
                page = admin_client.get(self.url(type(row)), {"q": query})
                assert page.context["cl"].result_count == 1, query
            assert admin_client.get(self.url(type(row)), {"q": "nobody"}).context["cl"].result_count == 0

    def test_a_subclass_can_add_search_fields(self, app, rows):
        from django.contrib import admin

        for row in rows:
            admin_class = type(admin.site._registry[type(row)])
            custom = type("Custom", (admin_class,), {"search_fields": [*admin_class.search_fields, "blacklisted_at"]})
            fields = custom(type(row), admin.site).get_search_fields(None)
            assert fields == [*admin_class.search_fields, "blacklisted_at"]
            assert admin_class.id_path in admin_class.search_fields

    def test_a_search_for_a_whole_id_finds_only_that_row(self, app, rows, admin_client):
        model, name = type(rows[0]), ID_FIELDS[app]
        key, longer = "0123456789abcdef", "0123456789abcdef0"
        for text in (key, longer):
            model.objects.create(**{name: text}, created_at=aware_utcnow(), expires_at=aware_utcnow())
        for query, found in ((f" {key} ", {key}), (key[:-1], {key, longer})):
            page = admin_client.get(self.url(model), {"q": query})
            assert {getattr(row, name) for row in page.context["cl"].result_list} == found

    def test_no_list_counts_all_rows(self, app, rows, admin_client, monkeypatch):
        monkeypatch.setattr("rest_framework_simplejwt.revocation.admin.MAX_COUNTED_ROWS", 1)
        RefreshToken.for_user(get_user_model().objects.get())
        for row in rows:
            with CaptureQueriesContext(connections[router.db_for_read(type(row))]) as context:
                page = admin_client.get(self.url(type(row)))
            assert page.context["cl"].result_count == 1
            counts = [query["sql"] for query in context if "COUNT(*)" in query["sql"]]
            assert counts
            assert all("LIMIT 1" in sql for sql in counts)

    def test_issued_rows_are_read_only(self, app, rows, admin_client):
        issued, _ = rows
        assert admin_client.get(self.url(type(issued), "add")).status_code == 403
        assert admin_client.get(self.url(type(issued), "delete", issued.pk)).status_code == 403
        page = admin_client.get(self.url(type(issued), "change", issued.pk))
        assert page.status_code == 200
        assert not page.context["has_change_permission"]

    def test_no_page_shows_the_text_of_a_token(self, app, rows, admin_client, refresh):
        for row in rows:
            for page in (self.url(type(row)), self.url(type(row), "change", row.pk)):
                assert str(refresh) not in admin_client.get(page).content.decode()

    def revoke_selected(self, client, row):
        selected = {"action": "revoke_selected", "_selected_action": [row.pk]}
        return client.post(self.url(type(row)), selected, format="multipart", follow=True)

    def test_the_action_revokes_selected_rows_once(self, app, rows, admin_client, refresh, received):
        issued, revoked = rows
        revoked.delete()
        signal = {BLACKLIST: signals.token_revoked, FAMILY: signals.family_revoked}[app]
        with received(signal) as calls:
            page = self.revoke_selected(admin_client, issued)
        assert [call.get("jti", call.get("family_id")) for call in calls] == [getattr(issued, ID_FIELDS[app])]
        assert [str(message) for message in page.context["messages"]] == ["Revoked: 1"]
        assert type(revoked).objects.filter(**{LINKS[app]: issued}).exists()
        with pytest.raises(TokenError):
            RefreshToken(str(refresh))
        page = self.revoke_selected(admin_client, issued)
        assert [str(message) for message in page.context["messages"]] == ["Revoked: 0"]

    def test_the_action_uses_no_server_side_cursor(self, app, rows, admin_client):
        """Pgbouncer supports server-side cursors only within a transaction."""
        issued, revoked = rows
        revoked.delete()
        with mock.patch.object(models.QuerySet, "iterator", side_effect=AssertionError):
            self.revoke_selected(admin_client, issued)
        assert type(revoked).objects.filter(**{LINKS[app]: issued}).exists()

    def test_the_action_requires_the_permission_to_revoke(self, app, rows, client, user):
        from django.contrib.auth.models import Permission

        issued, revoked = rows
        revoked.delete()
        user.is_staff = True
        user.save()
        user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        client.force_login(user)
        page = client.get(self.url(type(issued)))
        assert page.status_code == 200
        assert b"revoke_selected" not in page.content
        self.revoke_selected(client, issued)
        assert not type(revoked).objects.exists()

    def test_a_revocation_can_be_added(self, app, rows, admin_client):
        issued, revoked = rows
        revoked.delete()
        response = admin_client.post(self.url(type(revoked), "add"), {LINKS[app]: issued.pk}, format="multipart")
        assert response.status_code == 302
        assert type(revoked).objects.filter(**{LINKS[app]: issued}).exists()

    def test_a_user_with_rows_can_be_deleted(self, app, rows, admin_client):
        from django.contrib import admin
        from django.test import RequestFactory

        user_model = get_user_model()
        request = RequestFactory().get("/")
        request.user = rows[0].user
        site = admin.AdminSite()
        site.register(user_model)
        *_, protected = site._registry[user_model].get_deleted_objects([rows[0].user], request)
        assert protected == []


@each_app
class TestFlush:
    command = {BLACKLIST: "flushexpiredtokens", FAMILY: "flushexpiredfamilies"}

    def flush(self, app):
        out = StringIO()
        call_command(self.command[app], stdout=out)
        return out.getvalue()

    def test_expired_rows_are_deleted_with_their_revocations(self, app, rows):
        issued, revoked = rows
        assert self.flush(app).strip().endswith("deleted: 0.")
        issued.expires_at = aware_utcnow() - timedelta(hours=3)
        issued.save()
        assert self.flush(app).strip().endswith("deleted: 1.")
        assert not type(issued).objects.exists()
        assert not type(revoked).objects.exists()

    def test_the_command_can_be_called_without_arguments(self, app, rows, capsys):
        importlib.import_module(f"{app}.management.commands.{self.command[app]}").Command().handle()
        assert "deleted: 0." in capsys.readouterr().out

    def test_rows_that_have_not_expired_are_kept(self, app, rows):
        issued, _ = rows
        if app == BLACKLIST:
            issued.expires_at = aware_utcnow() + timedelta(days=10_000)
        else:
            issued.expires_at = None
        issued.save()
        self.flush(app)
        assert type(issued).objects.exists()


class TestMigrations:
    NAMES = {
        "token_blacklist": [
            "0001_initial",
            "0002_outstandingtoken_jti_hex",
            "0003_auto_20171017_2007",
            "0004_auto_20171017_2013",
            "0005_remove_outstandingtoken_jti",
            "0006_auto_20171017_2113",
            "0007_auto_20171017_2214",
            "0008_migrate_to_bigautofield",
            "0010_fix_migrate_to_bigautofield",
            "0011_linearizes_history",
            "0012_alter_outstandingtoken_user",
            "0013_alter_blacklistedtoken_options_and_more",
        ],
        "token_family": ["0001_initial", "0002_rename_tokenfamilyblacklist_blacklistedtokenfamily"],
    }

    @pytest.mark.parametrize(
        "label", [pytest.param(label, marks=pytest.mark.needs(label)) for label in ("token_blacklist", "token_family")]
    )
    def test_names_match_those_recorded_in_existing_databases(self, label):
        names = sorted(name for app, name in MigrationLoader(None).disk_migrations if app == label)
        assert names[: len(self.NAMES[label])] == self.NAMES[label]

    @pytest.mark.django_db
    def test_the_models_match_the_migrations(self):
        call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())

    @pytest.mark.needs("token_blacklist")
    @pytest.mark.django_db(transaction=True)
    def test_ids_are_converted_from_uuids_and_back(self, user):
        alias = router.db_for_write(models_of(BLACKLIST)[0])
        executor = MigrationExecutor(connections[alias])
        (_, newest), *_ = executor.loader.graph.leaf_nodes("token_blacklist")

        def migrate_to(name):
            """Migrate the app, and return the query set of its outstanding tokens at that migration."""
            executor.loader.build_graph()
            state = executor.migrate([("token_blacklist", name)])
            return state.apps.get_model("token_blacklist", "OutstandingToken").objects.using(alias)

        jti, now = uuid4(), aware_utcnow()
        try:
            with_uuids = migrate_to("0002_outstandingtoken_jti_hex")
            with_uuids.create(jti=jti, token="t", created_at=now, expires_at=now, user_id=user.pk)
            assert migrate_to("0004_auto_20171017_2013").get().jti_hex == jti.hex
            assert migrate_to("0002_outstandingtoken_jti_hex").get().jti == jti
            assert migrate_to(newest).get().jti == jti.hex
        finally:
            migrate_to(newest).all().delete()

    def test_a_ninth_migration_of_the_project_is_found_as_a_dependency_of_the_eleventh(self, tmp_path):
        module = importlib.import_module(f"{BLACKLIST}.migrations.0011_linearizes_history")
        for name in ("0008_migrate_to_bigautofield", "0009_by_the_project", "0014_later"):
            (tmp_path / f"{name}.py").touch()
        assert module.find_project_migrations(str(tmp_path)) == ["0009_by_the_project"]
        assert module.Migration.dependencies == [("token_blacklist", "0010_fix_migrate_to_bigautofield")]


@pytest.mark.needs("token_family")
class TestFamilySettings:
    def ready(self):
        apps.get_app_config("token_family").ready()

    def test_valid_settings_allow_start_up(self, simple_jwt):
        simple_jwt(TOKEN_FAMILY_LIFETIME=None)
        self.ready()
        simple_jwt(TOKEN_FAMILY_LIFETIME=timedelta(days=1))
        self.ready()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("TOKEN_FAMILY_ENABLED", "yes"),
            ("TOKEN_FAMILY_CHECK_ON_ACCESS", None),
            ("TOKEN_FAMILY_BLACKLIST_ON_REUSE", 1),
            ("TOKEN_FAMILY_LIFETIME", 30),
            ("TOKEN_FAMILY_LIFETIME", timedelta(0)),
            ("TOKEN_FAMILY_CLAIM", ""),
            ("TOKEN_FAMILY_CLAIM", None),
            ("TOKEN_FAMILY_CLAIM", "jti"),
            ("TOKEN_FAMILY_CLAIM", "exp"),
            ("TOKEN_FAMILY_EXPIRATION_CLAIM", 5),
            ("TOKEN_FAMILY_EXPIRATION_CLAIM", "family_id"),
            ("CACHE_BLACKLISTED_FAMILIES", "no"),
            ("CACHE_TTL_BLACKLISTED_FAMILIES", 0),
            ("CACHE_TTL_BLACKLISTED_FAMILIES", True),
            ("CACHE_KEY_PREFIX_BLACKLISTED_FAMILIES", ""),
        ],
    )
    def test_an_invalid_setting_prevents_start_up_and_is_named(self, simple_jwt, name, value):
        from django.core.exceptions import ImproperlyConfigured

        simple_jwt(**{name: value})
        with pytest.raises(ImproperlyConfigured, match=name):
            self.ready()


def test_the_core_app_is_named_after_the_package():
    from rest_framework_simplejwt.apps import SimpleJWTConfig

    assert SimpleJWTConfig.name == "rest_framework_simplejwt"
    assert api_settings
