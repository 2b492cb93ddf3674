from django.db import migrations

BATCH = 500


def fill(apps, schema_editor):
    """The keys of parties that were written before these columns: made by the same rule as those written from now on."""
    from disputes.models import Party as current

    Party = apps.get_model("disputes", "Party")
    rows = []
    for party in Party.objects.select_related("dispute").only("name", "dispute__village_id").iterator(BATCH):
        party.name_front, party.name_back = current.name_keys(party.dispute.village_id, party.name)
        rows.append(party)
        if len(rows) == BATCH:
            Party.objects.bulk_update(rows, ["name_front", "name_back"])
            rows = []
    Party.objects.bulk_update(rows, ["name_front", "name_back"])


class Migration(migrations.Migration):

    dependencies = [
        ("disputes", "0003_party_name_keys"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
