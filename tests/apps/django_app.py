"""A Django project that takes its users from the gateway, as docs/apps/django.md has it."""

import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="only-for-tests",
    ALLOWED_HOSTS=["*"],
    CSRF_TRUSTED_ORIGINS=[os.environ["APP_ORIGIN"]],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{os.environ['APP_DIRECTORY']}/db.sqlite3",
        }
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        f"{__name__}.GatepostMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.RemoteUserBackend"],
)
django.setup()

from django.contrib.auth.middleware import RemoteUserMiddleware  # noqa: E402
from django.contrib.auth.views import LogoutView  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402
from django.urls import path  # noqa: E402


class GatepostMiddleware(RemoteUserMiddleware):
    """Reads the field that the gateway sets."""

    header = "HTTP_REMOTE_USER"


def who(request):
    return HttpResponse(request.user.get_username())


def token(request):
    return HttpResponse(get_token(request))


def upload(request):
    return HttpResponse(request.FILES["file"].read())


urlpatterns = [
    path("", who),
    path("token", token),
    path("upload", upload),
    path("logout", LogoutView.as_view(next_page="/")),
]
call_command("migrate", verbosity=0)
application = get_wsgi_application()
