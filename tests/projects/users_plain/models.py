from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class UserManager(BaseUserManager):
    def create_user(self, login, password=None):
        user = self.model(login=login)
        user.set_password(password)
        user.save()
        return user


class User(AbstractBaseUser):
    login = models.CharField(max_length=40, unique=True)
    last_login = None

    USERNAME_FIELD = "login"

    objects = UserManager()
