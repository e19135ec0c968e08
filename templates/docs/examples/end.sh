ask "$FLOORWALKER_API/interactions/$INTERACTION/end" -d '{
  "status": "completed",
  "archive": {
    "summary": "The customer got a refund for a broken order.",
    "issues": [{"issue": "Broken order", "status": "resolved", "priority": "high"}],
    "csat_score": 82
  }
}'
