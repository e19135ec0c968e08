ask "$FLOORWALKER_API/interactions/$INTERACTION/tool-permissions" -d '{
  "tool_name": "issue_refund", "arguments": {"order_id": "A-1001", "amount": 42.5}
}' > permission.json
PERMISSION=$(field id < permission.json)

# Each call answers once a person has decided, or after 55 seconds.
while [ "$(field status < permission.json)" = pending ]; do
  ask "$FLOORWALKER_API/tool-permissions/$PERMISSION?wait=55" > permission.json
done
cat permission.json
