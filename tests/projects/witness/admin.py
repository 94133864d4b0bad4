from django.contrib import admin

from rest_framework_simplejwt.token_blacklist.admin import OutstandingTokenAdmin
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken


class DeletableOutstandingTokenAdmin(OutstandingTokenAdmin):
    """So that users can be deleted in the admin, and their tokens with them."""

    def has_delete_permission(self, request, obj=None):
        return True


admin.site.unregister(OutstandingToken)
admin.site.register(OutstandingToken, DeletableOutstandingTokenAdmin)
