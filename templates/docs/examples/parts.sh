floorwalker backup --schema-only schema.dump
floorwalker backup --data-only rows.dump
