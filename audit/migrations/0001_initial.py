import uuid
from django.db import migrations, models

from audit import triggers


def protect(apps, schema_editor):
    triggers.protect(schema_editor.connection)


def unprotect(apps, schema_editor):
    triggers.unprotect(schema_editor.connection)


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ChainHead",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("county", models.CharField(max_length=6, unique=True)),
                ("seq", models.PositiveBigIntegerField(default=0)),
                (
                    "hash",
                    models.CharField(
                        default="0000000000000000000000000000000000000000000000000000000000000000", max_length=64
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AccessLog",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("county", models.CharField(max_length=6, verbose_name="县")),
                ("seq", models.PositiveBigIntegerField(verbose_name="序号")),
                ("at", models.DateTimeField(verbose_name="时间")),
                ("actor_id", models.BigIntegerField(null=True)),
                ("actor_name", models.CharField(blank=True, max_length=150, verbose_name="人员")),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("move", "办理"),
                            ("create", "登记"),
                            ("edit", "修改"),
                            ("read", "查看"),
                            ("reveal", "查看完整信息"),
                            ("export", "导出"),
                            ("print", "打印"),
                            ("login", "登录"),
                            ("login_failed", "登录失败"),
                            ("logout", "退出"),
                            ("refused", "拒绝访问"),
                            ("import", "导入"),
                            ("manage", "系统管理"),
                            ("attach", "上传附件"),
                            ("download", "下载"),
                            ("note", "工作记录"),
                        ],
                        max_length=20,
                        verbose_name="操作",
                    ),
                ),
                ("subject", models.CharField(blank=True, max_length=200, verbose_name="对象")),
                ("detail", models.JSONField(default=dict, verbose_name="详情")),
                ("event_hash", models.CharField(blank=True, max_length=64)),
                ("request_id", models.CharField(blank=True, max_length=64, verbose_name="请求编号")),
                ("address", models.CharField(blank=True, max_length=45, verbose_name="地址")),
                ("prev_hash", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "verbose_name": "操作日志",
                "indexes": [models.Index(fields=["actor_id", "subject", "action", "at"], name="access_log_read_once")],
                "constraints": [
                    models.UniqueConstraint(fields=("county", "seq"), name="access_log_has_one_row_per_place"),
                    models.UniqueConstraint(fields=("county", "prev_hash"), name="access_log_never_forks"),
                ],
            },
        ),
        migrations.CreateModel(
            name="StoredAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user_id", models.BigIntegerField()),
                ("key", models.CharField(max_length=200)),
                ("body_hash", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("body_sealed", models.TextField(blank=True)),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("user_id", "key"), name="one_answer_per_user_and_key")],
            },
        ),
        migrations.RunPython(protect, unprotect),
    ]
