floorwalker people export people.jsonl
while read -r person; do
  curl -fsSo /dev/null "$SUPABASE_URL/auth/v1/admin/users" -d "$person" -H "Content-Type: application/json" \
    -H "apikey: $SUPABASE_SECRET_KEY" -H "Authorization: Bearer $SUPABASE_SECRET_KEY"
done < people.jsonl
