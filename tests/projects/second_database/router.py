"""Routes all models to the database that is not the default."""


class AccountsRouter:
    def db_for_read(self, model, **hints):
        return "accounts"

    def db_for_write(self, model, **hints):
        return "accounts"

    def allow_migrate(self, db, app_label, **hints):
        return db == "accounts"
