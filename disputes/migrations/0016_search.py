import django.db.models.deletion
from django.db import migrations, models

import disputes.search.models
from disputes.search.models import put_up, take_down


def up(apps, schema_editor):
    put_up(schema_editor.connection)


def down(apps, schema_editor):
    take_down(schema_editor.connection)


class Migration(migrations.Migration):
    """The entries of cases that are already there are made by the pump, or at once by `index_search`."""

    dependencies = [("disputes", "0015_ties")]

    operations = [
        migrations.CreateModel(
            name="SearchEntry",
            fields=[
                (
                    "dispute",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search_entry",
                        serialize=False,
                        to="disputes.dispute",
                    ),
                ),
                ("words", disputes.search.models.WordsField()),
                ("full", models.TextField()),
                ("shown", models.TextField()),
            ],
        ),
        migrations.RunPython(up, down),
    ]
