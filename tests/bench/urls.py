"""The product's addresses, and the floors'."""

from django.urls import path

from config.urls import *  # noqa: F403
from config.urls import urlpatterns as product
from tests.bench import floors, ledgers

urlpatterns = [
    *product,
    path("bench/list/", floors.case_list),
    path("bench/case/<str:case_no>/", floors.case),
    path("bench/api/", floors.api_list),
    path("bench/lookup/", floors.lookup),
    path("bench/register/", floors.register),
    path("bench/capture/<uuid:uid>/", floors.capture),
    path("bench/triage/", floors.triage),
    path("bench/inbox/", floors.inbox),
    path("bench/home/", floors.home),
    path("bench/ledger/", floors.ledger),
    path("bench/ledger/page/", ledgers.page),
    path("bench/dashboard/", floors.dashboard),
]
