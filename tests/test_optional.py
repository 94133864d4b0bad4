import pytest

from rest_framework_simplejwt._optional import app_installed, available_if


class Switch:
    on = True


class Lamp:
    @available_if(lambda: Switch.on)
    def shine(self):
        """Light."""
        return self

    @available_if(lambda: Switch.on)
    @staticmethod
    def colour():
        return "white"


@pytest.fixture(params=[True, False])
def switch(request, monkeypatch):
    monkeypatch.setattr(Switch, "on", request.param)
    return request.param


@pytest.mark.parametrize("owner", [Lamp, Lamp()], ids=["class", "instance"])
@pytest.mark.parametrize("member", ["shine", "colour"])
def test_a_member_is_there_only_while_its_predicate_holds(switch, owner, member):
    assert hasattr(owner, member) is switch


def test_an_available_method_is_bound():
    lamp = Lamp()
    assert lamp.shine() is lamp
    assert lamp.colour() == Lamp.colour() == "white"


def test_a_missing_member_is_named(monkeypatch):
    monkeypatch.setattr(Switch, "on", False)
    with pytest.raises(AttributeError, match=r"'Lamp' has no attribute 'shine'"):
        Lamp().shine()


def test_a_subclass_reaches_the_member_through_super():
    class Torch(Lamp):
        def shine(self):
            return [super().shine()]

    torch = Torch()
    assert torch.shine() == [torch]


def test_the_docstring_stays_readable():
    assert vars(Lamp)["shine"].__doc__ == "Light."


def test_an_app_counts_as_installed_by_its_name():
    assert app_installed("django.contrib.auth")()
    assert not app_installed("django.contrib.gis")()
