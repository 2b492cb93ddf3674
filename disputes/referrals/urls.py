"""Addresses of referrals."""

from django.urls import URLPattern, path

from disputes.referrals import views

urlpatterns: list[URLPattern] = [
    path("referrals/", views.referrals, name="referrals"),
    path("referrals/new/", views.new, name="refer"),
    path("referrals/in/", views.receive, name="refer-in"),
    path("referrals/<uuid:uid>/", views.referral, name="referral"),
    path("disputes/<str:case_no>/referrals/", views.send, name="refer-out"),
]
