"""The rows of the matrix for settings and alerts."""

from tests.database.fates import Table, grid

RULES: dict[str, Table] = {
    "public.setting_changes": Table(
        rows="true",
        groups={"all": "id name before after at changed_by changed_by_name"},
        new={"name": "'archive_days'", "before": "'1'", "after": "'2'"},
        fates=grid("""
                     select
        owner        nothing
        """),
    ),
}
