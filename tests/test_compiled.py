"""Compiled queries find the same as the ORM. Queries that could differ go through the ORM each time."""

from types import SimpleNamespace
from uuid import UUID

import django
import pytest
from django.apps.registry import Apps
from django.db import connection, connections, models
from django.db.models import Manager, QuerySet, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from rest_framework_simplejwt import compiled, users
from tests.another_vendor import another_vendor

pytestmark = [pytest.mark.needs("full"), pytest.mark.django_db]

registry = Apps()


class Table:
    app_label = "compiled"
    apps = registry


class Shouted(models.CharField):
    """Lower case in Python, upper case in the table."""

    def from_db_value(self, value, expression, connection):
        return value.lower()

    def get_db_prep_value(self, value, connection, prepared=False):
        return super().get_db_prep_value(value, connection, prepared).upper()


class Lowered(models.CharField):
    """The lookup sends `LOWER(%s)` to the database."""

    def get_prep_value(self, value):
        return Lower(Value(value)) if isinstance(value, str) else value


class AnyCase(models.CharField):
    pass


@AnyCase.register_lookup
class ExactInAnyCase(Exact):
    def process_rhs(self, compiler, connection):
        sql, params = super().process_rhs(compiler, connection)
        return sql, [param.lower() for param in params]


class Active(Manager):
    def get_queryset(self):
        return super().get_queryset().filter(is_active=True)


class ActiveWhenFiltered(QuerySet):
    def filter(self, *args, **kwargs):
        return super().filter(*args, **kwargs, is_active=True)


class ActiveWhenCloned(QuerySet):
    def _clone(self):
        clone = super()._clone()
        clone.query.add_q(models.Q(is_active=True))
        return clone


class AlwaysEmpty(QuerySet):
    def first(self):
        return None


class FiltersActive(Manager):
    def filter(self, *args, **kwargs):
        return super().filter(*args, **kwargs, is_active=True)


class Person(models.Model):
    small = models.SmallIntegerField(unique=True)
    normal = models.IntegerField(unique=True)
    big = models.BigIntegerField(unique=True)
    uuid = models.UUIDField(unique=True)
    email = models.EmailField(unique=True)
    shouted = Shouted(max_length=20, unique=True)
    lowered = Lowered(max_length=20, unique=True)
    any_case = AnyCase(max_length=20, unique=True)
    name = models.CharField(max_length=20)
    boss = models.OneToOneField("self", models.CASCADE, null=True)
    is_active = models.BooleanField(default=True)

    objects = Manager()
    active = Active()
    filters_active = FiltersActive()
    when_filtered = Manager.from_queryset(ActiveWhenFiltered)()
    when_cloned = Manager.from_queryset(ActiveWhenCloned)()
    always_empty = Manager.from_queryset(AlwaysEmpty)()

    class Meta(Table):
        ordering = ("name",)


class PersonProxy(Person):
    class Meta(Table):
        proxy = True


class Employee(Person):
    number = models.IntegerField(unique=True)

    class Meta(Table):
        pass


class Recorded(models.Model):
    name = models.CharField(max_length=20, unique=True)

    class Meta(Table):
        pass

    @classmethod
    def from_db(cls, db, field_names, values, **more):
        row = super().from_db(db, field_names, values, **more)
        row.read = (db, tuple(field_names), tuple(values))
        return row


FIELDS = {
    "small": 5,
    "normal": 70_000,
    "big": 2**40,
    "uuid": UUID(int=7),
    "email": "Alice@example.com",
    "shouted": "hey",
    "lowered": "low",
    "any_case": "any",
}
RANGES = {"small": 2**15, "normal": 2**31, "big": 2**63}


@pytest.fixture(scope="module", autouse=True)
def _tables(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        with connection.schema_editor() as editor:
            for model in (Person, Employee, Recorded):
                editor.create_model(model)
        yield
        with connection.schema_editor() as editor:
            for model in (Employee, Person, Recorded):
                editor.delete_model(model)


@pytest.fixture(autouse=True)
def _nothing_compiled():
    yield
    vars(connections["default"]).pop(compiled._CACHE_ATTRIBUTE, None)


@pytest.fixture
def alice(db):
    return Person.objects.create(name="alice", **FIELDS)


@pytest.fixture
def orm_calls(monkeypatch):
    """The keyword arguments of each call of `Manager.filter`."""
    calls, original = [], Manager.filter

    def filter_(self, *args, **kwargs):
        calls.append(kwargs)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Manager, "filter", filter_)
    compiled._plain_field.cache_clear()
    yield calls
    compiled._plain_field.cache_clear()


@pytest.fixture
def is_compiled(orm_calls):
    """Whether the second lookup bypasses the ORM. Both must find what the ORM finds."""

    def is_compiled(manager, name, value):
        for _ in range(2):
            orm_calls.clear()
            found = compiled.first(manager, name, value)
            bypasses_orm = not orm_calls
            assert describe(found) == describe(manager.filter(**{name: value}).first())
        return bypasses_orm

    return is_compiled


def another(value):
    if isinstance(value, UUID):
        return UUID(int=value.int + 1)
    return value + 1 if isinstance(value, int) else f"{value}x"


def describe(row):
    if row is None:
        return None
    state = {name: value for name, value in vars(row).items() if name != "_state"}
    return type(row), state, row._state.db, row._state.adding, row.get_deferred_fields()


@pytest.mark.parametrize("name", ["pk", *FIELDS])
def test_one_row_is_found_as_the_orm_finds_it(alice, name, is_compiled):
    value = getattr(alice, name)
    assert is_compiled(Person.objects, name, value) is (name not in {"lowered", "any_case"})
    assert compiled.first(Person.objects, name, value) == alice


@pytest.mark.parametrize("name", ["pk", *FIELDS])
def test_a_missing_row_is_not_found(alice, name, is_compiled):
    value = getattr(alice, name)
    is_compiled(Person.objects, name, another(value))
    assert compiled.first(Person.objects, name, another(value)) is None


def test_each_value_finds_its_own_row(alice):
    bob = Person.objects.create(name="bob", **{name: another(value) for name, value in FIELDS.items()})
    for _ in range(2):
        for person in (alice, bob):
            for name in ("pk", *FIELDS):
                assert compiled.first(Person.objects, name, getattr(person, name)) == person


class TestManager:
    @pytest.mark.parametrize("name", ["active", "filters_active", "when_filtered", "when_cloned", "always_empty"])
    def test_that_filters_rows_is_respected(self, alice, name, is_compiled):
        manager = getattr(Person, name)
        assert not is_compiled(manager, "pk", alice.pk)
        Person.objects.update(is_active=False)
        assert not is_compiled(manager, "pk", alice.pk)
        assert compiled.first(manager, "pk", alice.pk) is None
        assert compiled.first(Person.objects, "pk", alice.pk) == alice

    def test_that_filters_users_rejects_their_tokens(self, alice, monkeypatch):
        monkeypatch.setattr(Person, "objects", Person.active)
        assert users.find(Person, "id", str(alice.pk)) == alice
        Person._base_manager.update(is_active=False)
        assert users.find(Person, "id", str(alice.pk)) is None

    @pytest.mark.parametrize(
        "name", sorted(name for name in compiled._QUERYSET_MEMBERS if callable(vars(QuerySet)[name]))
    )
    def test_whose_query_set_overrides_a_member_goes_through_the_orm(self, alice, name, is_compiled):
        original = vars(QuerySet)[name]
        own = type("Own", (QuerySet,), {name: lambda self, *args, **kwargs: original(self, *args, **kwargs)})
        manager = Manager.from_queryset(own)()
        manager.model = Person
        assert not is_compiled(manager, "pk", alice.pk)

    def test_whose_query_set_adds_a_member_is_compiled(self, alice, is_compiled):
        own = type("Own", (QuerySet,), {"alive": lambda self: self.filter(is_active=True)})
        manager = Manager.from_queryset(own)()
        manager.model = Person
        assert is_compiled(manager, "pk", alice.pk)

    @pytest.mark.parametrize("name", ["filter", "get_queryset"])
    def test_that_was_patched_is_used(self, alice, name, monkeypatch):
        assert compiled.first(Person.objects, "pk", alice.pk) == alice
        empty = Person.always_empty.none()
        monkeypatch.setattr(Person.objects, name, lambda **lookup: empty, raising=False)
        assert compiled.first(Person.objects, "pk", alice.pk) is None

    def test_chooses_the_database(self, alice, settings):
        class Elsewhere:
            def db_for_read(self, model, **hints):
                return "elsewhere" if model is Person else None

        settings.DATABASE_ROUTERS = [Elsewhere()]
        with pytest.raises(Exception, match="elsewhere"):
            compiled.first(Person.objects, "pk", alice.pk)
        assert compiled.first(Person.objects.db_manager("default"), "pk", alice.pk)._state.db == "default"


class TestModel:
    def test_with_parents_goes_through_the_orm(self, db, is_compiled):
        employee = Employee.objects.create(name="eve", number=1, **FIELDS)
        for name in ("pk", "id", "email", "number"):
            assert not is_compiled(Employee.objects, name, getattr(employee, name))
            assert compiled.first(Employee.objects, name, getattr(employee, name)) == employee

    def test_that_is_a_proxy_goes_through_the_orm(self, alice, is_compiled):
        assert not is_compiled(PersonProxy.objects, "pk", alice.pk)
        assert type(compiled.first(PersonProxy.objects, "pk", alice.pk)) is PersonProxy

    def test_builds_its_instances_with_from_db(self, db, is_compiled):
        row = Recorded.objects.create(name="w")
        assert is_compiled(Recorded.objects, "name", "w")
        assert compiled.first(Recorded.objects, "name", "w").read == ("default", ("id", "name"), (row.pk, "w"))

    @pytest.mark.skipif(django.VERSION < (6, 1), reason="this Django has no fetch modes")
    def test_gets_the_fetch_mode_if_its_from_db_takes_it(self, db, monkeypatch):
        def from_db(cls, db, field_names, values, *, fetch_mode):
            return fetch_mode

        monkeypatch.setattr(Recorded, "from_db", classmethod(from_db))
        Recorded.objects.create(name="w")
        assert compiled.first(Recorded.objects, "name", "w") is Recorded.objects.all()._fetch_mode


class TestField:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("name", "alice"),
            ("boss", "alice"),
            ("boss_id", "alice"),
            ("boss__email", FIELDS["email"]),
            ("email__iexact", FIELDS["email"].upper()),
            ("any_case", "any"),
            ("lowered", "low"),
        ],
    )
    def test_that_is_not_plain_goes_through_the_orm(self, alice, name, value, is_compiled):
        Person.objects.update(boss=alice)
        value = alice.pk if name in {"boss", "boss_id"} else value
        assert not is_compiled(Person.objects, name, value)
        assert compiled.first(Person.objects, name, value) == alice

    def test_that_does_not_exist_raises_the_error_of_the_orm(self, db):
        with pytest.raises(Exception, match="Cannot resolve keyword"):
            compiled.first(Person.objects, "nonsense", 1)

    def test_that_compares_in_its_own_way_is_respected(self, alice):
        for _ in range(2):
            assert compiled.first(Person.objects, "any_case", "ANY") == alice
            assert compiled.first(Person.objects, "lowered", "LOW") == alice

    def test_that_converts_its_values_is_respected(self, alice, is_compiled):
        with connection.cursor() as cursor:
            cursor.execute("SELECT shouted FROM compiled_person")
            assert cursor.fetchone() == ("HEY",)
        assert is_compiled(Person.objects, "shouted", "hey")
        assert compiled.first(Person.objects, "shouted", "Hey").shouted == "hey"


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("far", [2**15, 2**31, 2**63, 2**64, 2**200, -(2**15) - 1, -(2**31) - 1, -(2**63) - 1])
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "after another lookup"])
def test_an_integer_out_of_range_finds_no_row(alice, name, far, is_first):
    if not is_first:
        assert compiled.first(Person.objects, name, getattr(alice, name)) == alice
    for _ in range(2):
        # Through users.find: the lookup itself raises OverflowError with Django 4.2 on SQLite.
        assert users.find(Person, name, far) is None
    assert compiled.first(Person.objects, name, getattr(alice, name)) == alice


@pytest.mark.parametrize("name", RANGES)
def test_the_first_and_last_integers_in_range_are_found(alice, name):
    for value in (RANGES[name] - 1, -RANGES[name]):
        Person.objects.update(**{name: value})
        assert compiled.first(Person.objects, name, value) == alice


@pytest.mark.django_db(transaction=True)
def test_compiled_queries_survive_a_closed_connection(alice):
    try:
        for _ in range(2):
            assert compiled.first(Person.objects, "pk", alice.pk) == alice
            assert exists(rows, alice.email)
            connection.close()
    finally:
        Person.objects.all().delete()


def rows(text):
    return Person.objects.filter(name="alice", email=text, is_active=True).exclude(shouted="x").order_by("pk")


def exists(rows, text):
    (found,) = compiled.exist([rows], [text], alias="default", key=rows)
    return found


def nobody(text):
    return rows(text).filter(is_active=False)


def test_several_queries_are_one_statement(alice, assert_statements):
    with assert_statements(1):
        found = compiled.exist(
            [rows, nobody, rows], ["nobody", alice.email, alice.email], alias="default", key="several"
        )
    assert found == [False, False, True]


@pytest.mark.parametrize("text", [FIELDS["email"], "other@example.com", compiled._PLACEHOLDER, "", "%", "'", "é" * 300])
def test_exists_returns_what_the_orm_returns(alice, text):
    for _ in range(2):
        assert exists(rows, text) is rows(text).exists()


def test_exists_queries_the_database_each_time(alice):
    assert exists(rows, alice.email)
    Person.objects.update(is_active=False)
    assert not exists(rows, alice.email)


def test_exists_compiles_the_query_once(alice):
    built = []

    def counted(text):
        built.append(text)
        return rows(text)

    for text in (alice.email, "nobody", alice.email):
        exists(counted, text)
    assert built == [compiled._PLACEHOLDER]


def test_a_query_set_with_its_own_database_goes_through_the_orm(django_user_model):
    own = type("Own", (QuerySet,), {"db": property(lambda self: "elsewhere")})
    manager = type("Managing", (Manager.from_queryset(own),), {})()
    manager.model = django_user_model
    assert compiled._plain_field(manager, "pk") is None


def test_an_integer_for_a_custom_field_type_goes_through_the_orm(django_user_model):
    # Raises KeyError for an unknown type, as on PostgreSQL.
    ops = SimpleNamespace(integer_field_range={}.__getitem__)
    compiler = SimpleNamespace(connection=SimpleNamespace(ops=ops))
    query = compiled._RowQuery(django_user_model, models.Field(), "", (), compiler, converters=None)
    assert query.accepts("text")
    assert not query.accepts(1)


@pytest.fixture
def _another_vendor():
    with another_vendor("default"):
        yield


@pytest.mark.usefixtures("_another_vendor")
@pytest.mark.parametrize("name", FIELDS)
def test_a_lookup_on_another_vendor_goes_through_the_orm(alice, name, is_compiled):
    assert not is_compiled(Person.objects, name, getattr(alice, name))
    assert not is_compiled(Person.objects, name, another(getattr(alice, name)))


@pytest.mark.usefixtures("_another_vendor")
@pytest.mark.parametrize("text", [FIELDS["email"], "other@example.com"])
def test_exists_on_another_vendor_goes_through_the_orm(alice, text):
    for _ in range(2):
        assert exists(rows, text) is rows(text).exists()
