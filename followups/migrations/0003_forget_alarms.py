from django.db import migrations


def forget(apps, schema_editor):
    """Going back, a notice must be about a case again: those about captures go first."""
    apps.get_model("followups", "Notice").objects.filter(dispute=None).delete()


class Migration(migrations.Migration):
    dependencies = [("followups", "0002_alarms")]

    operations = [migrations.RunPython(migrations.RunPython.noop, forget)]
