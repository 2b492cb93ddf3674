"""A few addresses without any room behind them, so that the ground can be tested alone."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path


def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"user={request.user} id={request.request_id} a={request.POST.get('a')}")


def strict(request: HttpRequest) -> HttpResponse:
    return HttpResponse("file", headers={"Content-Security-Policy": "sandbox"})


def api(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"user": str(request.user)})


urlpatterns = [
    path("", echo),
    path("login/", echo),
    path("healthz/", echo),
    path("healthz/reminders/", echo),
    path("me/password/", echo),
    path("logout/", echo),
    path("strict/", strict),
    path("page/<str:word>/", lambda request, word: echo(request)),
    path("api/v1/echo/", api),
]
