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
def test_a_member_exists_only_while_its_predicate_is_true(switch, owner, member):
    assert hasattr(owner, member) is switch


def test_an_available_method_is_bound_to_its_instance():
    lamp = Lamp()
    assert lamp.shine() is lamp
    assert lamp.colour() == Lamp.colour() == "white"


def test_the_error_names_the_missing_member(monkeypatch):
    monkeypatch.setattr(Switch, "on", False)
    with pytest.raises(AttributeError, match=r"'Lamp' has no attribute 'shine'"):
        Lamp().shine()


def test_a_subclass_can_call_the_member_through_super():
    class Torch(Lamp):
        def shine(self):
            return [super().shine()]

    torch = Torch()
    assert torch.shine() == [torch]


def test_the_docstring_of_the_method_is_kept():
    assert vars(Lamp)["shine"].__doc__ == "Light."


def test_an_app_is_installed_if_its_name_is():
    assert app_installed("django.contrib.auth")()
    assert not app_installed("django.contrib.gis")()
