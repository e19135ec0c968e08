PROJECT=https://<project>.supabase.co
PROJECT_KEY=sb_secret_…

floorwalker people export people.jsonl
while read -r person; do
  curl -fsSo /dev/null "$PROJECT/auth/v1/admin/users" -d "$person" \
    -H "apikey: $PROJECT_KEY" -H "Authorization: Bearer $PROJECT_KEY" \
    -H "Content-Type: application/json"
done < people.jsonl
