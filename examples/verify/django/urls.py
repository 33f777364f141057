from django.http import JsonResponse
from django.urls import path


def index(request):
    identity = request.environ["gatepost.identity"]
    return JsonResponse({"user": request.user.username, "groups": identity.groups})


urlpatterns = [path("", index)]
