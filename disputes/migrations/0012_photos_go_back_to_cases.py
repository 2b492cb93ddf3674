"""Forward nothing. Backward: a photo of a capture goes to the first case made of it; one without a case has no place."""

from django.db import migrations


def to_cases(apps, schema_editor):
    photos = apps.get_model("disputes", "Attachment").objects.filter(dispute=None)
    for photo in photos.select_related("capture"):
        source = photo.capture.sources.filter(undone_at=None).order_by("pk").first()
        if source is None:
            photo.delete()
        else:
            photo.dispute_id, photo.capture = source.dispute_id, None
            photo.save()


class Migration(migrations.Migration):
    dependencies = [("disputes", "0011_photos_and_previews")]

    operations = [migrations.RunPython(migrations.RunPython.noop, to_cases)]
