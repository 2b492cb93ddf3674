"""This room's addresses alone, so that its tests need no upper room."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path
from rest_framework.routers import SimpleRouter

from villages.api import routes

router = SimpleRouter()
for prefix, viewset, basename in routes:
    router.register(prefix, viewset, basename)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", {"sentence": str(exception)}, status=403)


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("home")


urlpatterns = [path("", home), path("", include("villages.urls")), path("api/v1/", include(router.urls))]
handler403 = forbidden
