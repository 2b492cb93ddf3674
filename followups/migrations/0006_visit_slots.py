from django.db import migrations
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat

#: Kinds of events that nothing followed from before.
NEWLY_PLANNING = ("edit", "police_terms", "signed", "performance")


def name_slots(apps, schema_editor):
    """What was planned by the first rule says what asked for it, and every settled case is planned anew once."""
    visits = apps.get_model("followups", "ReturnVisit").objects
    visits.filter(reason="first").update(slot="first")
    day = Concat(Value("perform/"), Cast(F("due_on"), CharField()), output_field=CharField())
    visits.filter(reason="performance").update(slot=day)
    Plan = apps.get_model("followups", "VisitPlan")
    settled = apps.get_model("disputes", "Dispute").objects.filter(status__in=["settled", "closed"])
    rows = (Plan(dispute_id=pk, key="") for pk in settled.values_list("pk", flat=True).iterator())
    Plan.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True)
    # nothing is left to follow from what these events changed: the cases are planned anew as they stand now
    Handled = apps.get_model("followups", "Handled")
    events = apps.get_model("disputes", "Event").objects.filter(kind__in=NEWLY_PLANNING, handled=None)
    handled = (Handled(event_id=pk) for pk in events.values_list("pk", flat=True).iterator())
    Handled.objects.bulk_create(handled, batch_size=1000, ignore_conflicts=True)


class Migration(migrations.Migration):

    dependencies = [
        ("followups", "0005_visit_plan"),
    ]

    operations = [
        migrations.RunPython(name_slots, migrations.RunPython.noop),
    ]
