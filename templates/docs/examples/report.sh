ask "$FLOORWALKER_API/interactions/$INTERACTION/turns" \
  -d '{"speaker": "customer", "text": "My order arrived broken. I want my money back."}'
ask "$FLOORWALKER_API/interactions/$INTERACTION/metrics" -d '{
  "sentiment": "critical", "satisfaction_score": 31, "feed_text": "Wants a refund"
}'
