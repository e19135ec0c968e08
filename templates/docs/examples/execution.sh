DIGEST=$(field arguments_digest < permission.json)
if EXECUTION=$(ask "$FLOORWALKER_API/tool-permissions/$PERMISSION/execution" \
  -d "{\"arguments_digest\": \"$DIGEST\"}" | field execution_id); then
  # Only here does the tool run. Then say how it went:
  ask -X PATCH "$FLOORWALKER_API/tool-permissions/$PERMISSION/execution" -d "{
    \"execution_id\": \"$EXECUTION\", \"succeeded\": true, \"result\": {\"refund\": \"R-77\"}
  }"
fi
