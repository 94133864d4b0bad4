from uuid import uuid4

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models

from rest_framework_simplejwt.passwords import KeepsSalt


def new_slug():
    return f"u-{uuid4().hex}"


class Mailbox(models.Model):
    pass


class UserManager(BaseUserManager):
    def create_user(self, email, password=None, **fields):
        user = self.model(mailbox=Mailbox.objects.create(), email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save()
        return user


class User(KeepsSalt, AbstractUser):
    mailbox = models.OneToOneField(Mailbox, primary_key=True, on_delete=models.CASCADE)
    username = None
    email = models.EmailField(unique=True)
    slug = models.CharField(max_length=40, unique=True, default=new_slug)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ()

    objects = UserManager()
