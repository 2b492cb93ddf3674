"""Addresses of the pages of cases; the names are a contract (product.md)."""

from django.urls import URLPattern, URLResolver, include, path

from disputes import views

app_name = "disputes"

urlpatterns: list[URLPattern | URLResolver] = [
    path("disputes/", views.case_list, name="list"),
    path("disputes/new/", views.register, name="new"),
    path("disputes/saved/", views.save_filter, name="save-filter"),
    path("disputes/saved/<int:pk>/delete/", views.delete_filter, name="delete-filter"),
    path("disputes/<str:case_no>/", views.case, name="case"),
    path("disputes/<str:case_no>/moves/<str:name>/", views.move, name="move"),
    path("disputes/<str:case_no>/ask-void/", views.ask_void, name="ask-void"),
    path("disputes/<str:case_no>/edit/", views.edit, name="edit"),
    path("disputes/<str:case_no>/grade/", views.grade, name="grade"),
    path("disputes/<str:case_no>/consent/<int:party>/", views.consent, name="consent"),
    path("disputes/<str:case_no>/notes/", views.note, name="note"),
    path("disputes/<str:case_no>/reveal/<int:party>/<str:field>/", views.reveal, name="reveal"),
    path("disputes/<str:case_no>/attachments/", views.attach, name="attach"),
    path("disputes/<str:case_no>/attachments/<uuid:uid>/", views.download, name="download"),
    path("disputes/<str:case_no>/attachments/<uuid:uid>/<int:size>/", views.download, name="preview"),
    path("drafts/<str:key>/", views.draft, name="draft"),
    path("drafts/<str:key>/discard/", views.discard_draft, name="discard-draft"),
    path("", include("disputes.field.urls")),
    path("", include("disputes.sessions.urls")),
    path("", include("disputes.papers.urls")),
    path("", include("disputes.whistles.urls")),
    path("", include("disputes.inbox.urls")),
    path("", include("disputes.referrals.urls")),
    path("", include("disputes.safe.urls")),
    path("", include("disputes.urging.urls")),
    path("", include("disputes.search.urls")),
    path("", include("disputes.outcomes.urls")),
]
