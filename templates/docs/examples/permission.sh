ask "$FLOORWALKER_API/interactions/$INTERACTION/tool-permissions" -d '{
  "tool_name": "issue_refund", "arguments": {"order_id": "A-1001", "amount": 42.5}
}' > permission.json
PERMISSION=$(field id < permission.json)

# Answers once a person has decided, or after 55 seconds. Ask again while it is "pending".
ask "$FLOORWALKER_API/tool-permissions/$PERMISSION?wait=55"
