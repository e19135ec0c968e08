cat > tools.json <<'END'
{"tools": [
  {"name": "issue_refund", "description": "Pays money back.", "requires_permission": true},
  {"name": "get_order", "description": "Reads an order."}
]}
END
printf 'correct horse battery\n' | floorwalker create-supervisor \
  --email zoe@example.com --username zoe --type voice --password-stdin
floorwalker agent create "Refund Agent" --supervisor zoe --tools tools.json
floorwalker agent tools "Refund Agent"
