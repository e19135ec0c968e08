curl -sS --fail-with-body -H "Authorization: Bearer $FLOORWALKER_KEY" \
  "$FLOORWALKER_API/agent"
