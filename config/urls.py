"""Every address of the product. The names are a contract (product.md)."""

from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from config import todo, views
from config.api import router

urlpatterns = [
    path("", views.home, name="home"),
    path("todo/", views.todo, name="todo"),
    path("todo/print/", todo.day_sheet, name="todo-print"),
    path("todo/defer/<str:key>/", todo.defer, name="todo-defer"),
    path("todo/undo/<str:key>/", todo.undo, name="todo-undo"),
    path("healthz/", views.healthz, name="healthz"),
    path("", include("villages.urls")),
    path("", include("disputes.urls")),
    path("", include("followups.urls")),
    path("", include("ledgers.urls")),
    path("api/v1/schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    # the split view and our template have nothing inline, as the security policy asks
    path(
        "api/v1/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api_docs.html"),
        name="docs",
    ),
    path("api/v1/", include(router.urls)),
]

handler400 = "config.views.bad_request"
handler403 = "config.views.forbidden"
handler404 = "config.views.not_found"
handler500 = "config.views.server_error"
